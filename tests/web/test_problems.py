"""Every failure reaches the client as a problem, and says no more than it should."""

import pytest
from structlog.testing import capture_logs

from halobestie.web import HaloApp
from tests.web.sample import bearer, build


@pytest.mark.parametrize("path", ["fails", "fails-in-a-nursery"])
@pytest.mark.parametrize(
    ("how", "status", "code", "retry"),
    [
        ("conflict", 409, "already_active", None),
        ("slow-down", 429, "rate_limited", "13"),
        ("full", 503, "overloaded", "1"),
        ("crashed", 503, "unavailable", "5"),
        ("away", 503, "unavailable", "5"),
    ],
)
async def test_a_refusal_is_a_problem_with_its_code(
    app: HaloApp, path: str, how: str, status: int, code: str, retry: str | None
) -> None:
    answer = await app.test_client().get(f"/api/shared/{path}/{how}")
    body = await answer.get_json()

    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert (body["type"], body["status"], body["code"]) == ("about:blank", status, code)
    assert body["title"]
    assert body["detail"]
    assert answer.headers.get("Retry-After") == retry


async def test_a_refusal_carries_members_of_its_own(app: HaloApp) -> None:
    conflict = await (await app.test_client().get("/api/shared/fails/conflict")).get_json()
    slow = await (await app.test_client().get("/api/shared/fails/slow-down")).get_json()

    assert conflict["session_id"] == "s1"
    assert slow["retry_after_seconds"] == 13


@pytest.mark.parametrize("path", ["fails", "fails-in-a-nursery"])
async def test_a_bug_says_nothing_but_where_to_look_it_up(app: HaloApp, path: str) -> None:
    with capture_logs() as logs:
        answer = await app.test_client().get(
            f"/api/shared/{path}/bug", headers={"X-Request-Id": "look-here"}
        )
    body = await answer.get_json()

    assert (answer.status_code, body["code"]) == (500, "internal_error")
    assert body["request_id"] == answer.headers["X-Request-Id"] == "look-here"
    assert b"secret-in-the-exception" not in await answer.get_data(as_text=False)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["handler crashed"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/client//orders", 404, "not_found"),
        ("GET", "/api/client/orders/no-uuid", 404, "not_found"),
        ("GET", "/api/client/orders/%00", 404, "not_found"),
        ("DELETE", "/api/client/orders", 405, "method_not_allowed"),
        ("BREW", "/api/client/orders", 405, "method_not_allowed"),
    ],
)
async def test_what_does_not_exist_is_a_problem_too(
    app: HaloApp, method: str, path: str, status: int, code: str
) -> None:
    answer = await app.test_client().open(path, method=method, headers=bearer("customer"))

    assert answer.status_code == status
    assert (await answer.get_json())["code"] == code
    assert "X-Request-Id" in answer.headers
    if status == 405:
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("given", ["mine", "A.b_c-9", "x" * 64])
async def test_the_callers_request_id_comes_back(app: HaloApp, given: str) -> None:
    answer = await app.test_client().get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "ä", "<script>", "a\tb"])
async def test_an_unfit_request_id_is_replaced(app: HaloApp, given: str) -> None:
    answer = await app.test_client().get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_probes_answer_without_a_token(app: HaloApp) -> None:
    alive = await app.test_client().get("/healthz")
    ready = await app.test_client().get("/readyz")
    degraded = await build("degraded").test_client().get("/readyz")

    assert (alive.status_code, await alive.get_json()) == (200, {"status": "ok"})
    assert (ready.status_code, await ready.get_json()) == (200, {"status": "ready"})
    assert degraded.status_code == 503
    assert await degraded.get_json() == {"status": "degraded", "checks": {"postgres": "away"}}


async def test_answers_are_not_sniffed_framed_or_cached(app: HaloApp) -> None:
    headers = (await app.test_client().get("/nothing")).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


async def test_a_page_of_ours_on_another_origin_may_call(app: HaloApp) -> None:
    asked = await app.test_client().options(
        "/api/client/orders",
        headers={"Origin": "https://cc.example.org", "Access-Control-Request-Method": "PATCH"},
    )
    told = await app.test_client().get("/healthz", headers={"Origin": "https://cc.example.org"})

    assert asked.status_code == 204
    for method in ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"):
        assert method in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Origin"] == "https://cc.example.org"
    assert told.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in told.headers["Vary"]


async def test_a_strange_page_may_not_call(app: HaloApp) -> None:
    asked = await app.test_client().options(
        "/api/client/orders",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )

    assert "Access-Control-Allow-Origin" not in asked.headers


async def test_the_access_line_tells_the_route_and_no_query_path_or_body(app: HaloApp) -> None:
    with capture_logs() as logs:
        await app.test_client().get(
            "/api/client/orders/6f1c1a1e-0000-7000-8000-000000000000?token=hush",
            headers=bearer("customer"),
        )

    (line,) = [line for line in logs if line["event"] == "request"]
    assert line["route"] == "/api/client/orders/<uuid:order_id>"
    assert line["status"] == 200
    assert "hush" not in repr(line)
    assert "6f1c1a1e" not in repr(line)
