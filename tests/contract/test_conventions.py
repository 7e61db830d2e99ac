"""§1 and §2: what every route of both listeners does alike."""

import pytest

from . import shapes
from .people import Town, answers, fields_of

CUSTOMER = [
    ("POST", "/api/shared/auth/logout"),
    ("GET", "/api/shared/auth/me"),
    ("PUT", "/api/shared/devices"),
    ("DELETE", "/api/shared/devices/some-token"),
    ("PATCH", "/api/client/profile"),
    ("DELETE", "/api/client/account"),
    ("GET", "/api/client/account/export"),
    ("GET", "/api/client/pricing"),
    ("GET", "/api/client/pricing/extension"),
    ("GET", "/api/client/mitra-availability"),
    ("POST", "/api/client/payment-requests"),
    ("GET", "/api/client/payment-requests"),
    ("GET", "/api/client/payment-requests/{id}"),
    ("POST", "/api/client/payment-requests/{id}/confirm"),
    ("POST", "/api/client/payment-requests/{id}/cancel"),
    ("POST", "/api/client/payment-sessions"),
    ("GET", "/api/client/payment-sessions"),
    ("GET", "/api/client/payment-sessions/{id}"),
    ("POST", "/api/client/payment-sessions/{id}/confirm"),
    ("POST", "/api/client/payment-sessions/{id}/cancel"),
    ("POST", "/api/client/chat-requests"),
    ("POST", "/api/client/chat/request"),
    ("POST", "/api/client/chat-requests/returning"),
    ("POST", "/api/client/chat-requests/{id}/fallback-to-blast"),
    ("POST", "/api/client/chat-requests/cancel"),
    ("GET", "/api/client/chat-requests/current"),
    ("GET", "/api/client/chat-sessions/active"),
    ("GET", "/api/client/chat-sessions"),
    ("POST", "/api/client/chat-sessions/{id}/extensions"),
    ("POST", "/api/client/chat-sessions/{id}/rating"),
    ("GET", "/api/shared/chat-sessions/{id}"),
    ("GET", "/api/shared/chat-sessions/{id}/messages"),
    ("POST", "/api/shared/chat-sessions/{id}/messages"),
    ("POST", "/api/shared/chat-sessions/{id}/receipts"),
    ("POST", "/api/shared/chat-sessions/{id}/end"),
    ("POST", "/api/shared/chat-sessions/{id}/closing-message"),
]
MITRA = [
    ("PATCH", "/api/mitra/profile"),
    ("POST", "/api/mitra/status"),
    ("GET", "/api/mitra/status"),
    ("POST", "/api/mitra/heartbeat"),
    ("GET", "/api/mitra/chat-requests"),
    ("POST", "/api/mitra/chat-requests/{id}/accept"),
    ("POST", "/api/mitra/chat-requests/{id}/decline"),
    ("GET", "/api/mitra/chat-sessions/active"),
    ("GET", "/api/mitra/chat-sessions"),
    ("POST", "/api/mitra/chat-sessions/{id}/extensions/{id}/accept"),
    ("POST", "/api/mitra/chat-sessions/{id}/extensions/{id}/reject"),
]
OPERATOR = [
    ("POST", "/internal/auth/logout"),
    ("GET", "/internal/dashboard"),
    ("GET", "/internal/config"),
    ("PATCH", "/internal/config"),
    ("GET", "/internal/mitras"),
    ("POST", "/internal/mitras"),
    ("GET", "/internal/mitras/{id}"),
    ("PATCH", "/internal/mitras/{id}"),
    ("POST", "/internal/mitras/{id}/offline"),
    ("GET", "/internal/mitra-online-logs"),
    ("GET", "/internal/customers"),
    ("GET", "/internal/customers/{id}"),
    ("PATCH", "/internal/customers/{id}"),
    ("GET", "/internal/sessions"),
    ("GET", "/internal/sessions/{id}"),
    ("GET", "/internal/sessions/{id}/messages"),
    ("POST", "/internal/sessions/{id}/reroute"),
    ("POST", "/internal/sessions/{id}/end"),
    ("GET", "/internal/pairings"),
    ("GET", "/internal/pairings/{id}"),
    ("GET", "/internal/failed-pairings"),
    ("POST", "/internal/failed-pairings/{id}/action"),
    ("GET", "/internal/payment-requests"),
    ("GET", "/internal/cc-users"),
    ("POST", "/internal/cc-users"),
    ("PATCH", "/internal/cc-users/{id}"),
    ("GET", "/internal/audit-log"),
    ("GET", "/internal/debug/actors"),
]
PUBLIC = [
    ("POST", "/api/shared/auth/anonymous"),
    ("POST", "/api/client/auth/otp/request"),
    ("POST", "/api/mitra/auth/otp/request"),
    ("POST", "/api/client/auth/otp/verify"),
    ("POST", "/api/mitra/auth/otp/verify"),
    ("POST", "/api/client/auth/google"),
    ("POST", "/api/client/auth/apple"),
    ("POST", "/api/shared/auth/refresh"),
    ("GET", "/api/shared/bestie-availability"),
    ("GET", "/api/shared/support-handles"),
    ("GET", "/api/shared/app-config"),
    ("GET", "/api/shared/openapi.json"),
    ("POST", "/api/shared/payment/webhooks/xendit"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
]
NO_ID = "00000000-0000-7000-8000-000000000000"


def named(routes: list[tuple[str, str]]) -> list[object]:
    return [
        pytest.param(method, path.replace("{id}", NO_ID), id=f"{method} {path}")
        for method, path in routes
    ]


@pytest.mark.parametrize(("method", "path"), named(CUSTOMER + MITRA))
async def test_an_app_route_needs_a_token(town: Town, method: str, path: str) -> None:
    answers(await town.nobody.calls(method, path), 401, "unauthenticated")


@pytest.mark.parametrize(("method", "path"), named(OPERATOR))
async def test_an_internal_route_needs_a_token(town: Town, method: str, path: str) -> None:
    answers(await town.outsider.calls(method, path), 401, "unauthenticated")


@pytest.mark.parametrize(("method", "path"), named(PUBLIC))
async def test_a_public_route_needs_none(town: Town, method: str, path: str) -> None:
    answer = await town.nobody.calls(method, path, *([{}] if method == "POST" else []))
    assert answer.status_code not in {403, 404, 405}, answer.text
    assert answer.status_code != 401 or answer.json()["code"] != "unauthenticated", answer.text


async def test_a_mitra_is_forbidden_on_every_customer_route(town: Town) -> None:
    mitra = await town.mitra(online=False)
    for method, path in CUSTOMER:
        if path.startswith("/api/client"):
            answers(await mitra.calls(method, path.replace("{id}", NO_ID)), 403, "forbidden")


async def test_a_customer_is_forbidden_on_every_mitra_and_internal_route(town: Town) -> None:
    customer = await town.customer()
    for method, path in MITRA:
        answers(await customer.calls(method, path.replace("{id}", NO_ID)), 403, "forbidden")
    town.outsider.token = customer.token
    for method, path in OPERATOR:
        answer = await town.outsider.calls(method, path.replace("{id}", NO_ID))
        answers(answer, 403, "forbidden")


async def test_an_operator_is_forbidden_on_the_apps_routes(town: Town) -> None:
    town.nobody.token = town.admin.token
    for method, path in CUSTOMER + MITRA:
        answer = await town.nobody.calls(method, path.replace("{id}", NO_ID))
        answers(answer, 403, "forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "/internal/config",
        "/internal/_test/pushes",
        "/internal/metrics",
        "/internal/openapi.json",
        "/internal/auth/login",
    ],
)
async def test_nothing_internal_is_reachable_on_the_public_listener(town: Town, path: str) -> None:
    town.nobody.token = town.admin.token
    await town.nobody.gets(path, 404, "not_found")
    await town.nobody.posts(path, {}, 404, "not_found")


@pytest.mark.parametrize("listener", ["nobody", "outsider"])
async def test_both_listeners_tell_their_health(town: Town, listener: str) -> None:
    caller = getattr(town, listener)
    assert await caller.gets("/healthz") == {"status": "ok"}
    assert (await caller.gets("/readyz"))["status"] == "ready"


async def test_what_is_nowhere_is_not_found(town: Town) -> None:
    await town.nobody.gets("/api/shared/nowhere", 404, "not_found")
    await town.outsider.gets("/internal/nowhere", 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/shared/auth/anonymous"),
        ("DELETE", "/api/shared/auth/me"),
        ("POST", "/api/client/pricing"),
        ("GET", "/api/client/chat-requests/cancel"),
    ],
)
async def test_another_method_is_not_allowed(town: Town, method: str, path: str) -> None:
    answer = await town.nobody.calls(method, path)
    answers(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


@pytest.mark.parametrize("request_id", ["a", "A-Z_a.z-0.9", "x" * 64])
async def test_a_callers_request_id_comes_back(town: Town, request_id: str) -> None:
    answer = await town.nobody.calls("GET", "/healthz", headers={"X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a/b", "ä".encode(), "a;b", "a\tb"])
async def test_a_bad_request_id_is_replaced(town: Town, request_id: str) -> None:
    answer = await town.nobody.calls("GET", "/healthz", headers={"X-Request-Id": request_id})
    given = answer.headers["X-Request-Id"]
    assert 1 <= len(given) <= 64
    assert given != request_id


async def test_an_error_carries_a_request_id_too(town: Town) -> None:
    answer = await town.nobody.calls("GET", "/api/nowhere", headers={"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("body", [b"{", b"nope", b'{"a":}', b"\xff\xfe", b'{"a":1}x', b"[1,"])
async def test_what_is_no_json_is_invalid(town: Town, body: bytes) -> None:
    customer = await town.customer()
    answer = await customer.calls(
        "POST",
        "/api/client/payment-requests",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    answers(answer, 400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
async def test_json_that_is_no_object_fails_validation(town: Town, body: bytes) -> None:
    customer = await town.customer()
    answer = await customer.calls(
        "POST",
        "/api/client/payment-requests",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    answers(answer, 422, "validation_failed")


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
async def test_another_media_type_is_unsupported(town: Town, media: str) -> None:
    answer = await town.nobody.calls(
        "POST", "/api/shared/auth/anonymous", content=b"{}", headers={"Content-Type": media}
    )
    answers(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_by_any_spelling_is_taken(town: Town, media: str) -> None:
    answer = await town.nobody.calls(
        "POST", "/api/shared/auth/anonymous", content=b"{}", headers={"Content-Type": media}
    )
    answers(answer, 201, shape=shapes.TOKENS)


@pytest.mark.parametrize("listener", ["nobody", "outsider"])
async def test_a_body_over_64_kib_is_too_large(town: Town, listener: str) -> None:
    caller = getattr(town, listener)
    path = {"nobody": "/api/shared/auth/anonymous", "outsider": "/internal/auth/login"}[listener]
    answer = await caller.calls("POST", path, {"x": "x" * 65_536})
    answers(answer, 413, "payload_too_large")


async def test_a_body_of_64_kib_is_not(town: Town) -> None:
    body = b'{"x":"' + b"x" * (65_536 - 8) + b'"}'
    assert len(body) == 65_536
    answer = await town.nobody.calls(
        "POST",
        "/api/shared/auth/anonymous",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    answers(answer, 201, shape=shapes.TOKENS)


async def test_a_chunked_body_over_64_kib_is_too_large(town: Town) -> None:
    async def chunks() -> object:
        for _ in range(70):
            yield b" " * 1024

    answer = await town.nobody.calls(
        "POST",
        "/api/shared/auth/anonymous",
        content=chunks(),
        headers={"Content-Type": "application/json"},
    )
    answers(answer, 413, "payload_too_large")


async def test_unknown_fields_are_ignored(town: Town) -> None:
    body = {"display_name": "Sari", "unknown": {"deep": [1, 2]}, "user_type": "mitra"}
    tokens = await town.nobody.posts("/api/shared/auth/anonymous", body, 201, shape=shapes.TOKENS)
    assert tokens["user"]["user_type"] == "customer"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/shared/auth/anonymous", {"display_name": 1}, "display_name"),
        ("/api/shared/auth/anonymous", {"display_name": "x" * 41}, "display_name"),
        ("/api/shared/auth/anonymous", {"display_name": ""}, "display_name"),
        ("/api/shared/auth/anonymous", {"display_name": "a\0b"}, "display_name"),
        ("/api/client/auth/otp/request", {}, "phone"),
        ("/api/client/auth/otp/request", {"phone": 62812}, "phone"),
        ("/api/client/auth/otp/request", {"phone": "hello"}, "phone"),
        ("/api/client/auth/otp/verify", {"phone": "+628121111111"}, "code"),
        ("/api/shared/auth/refresh", {"refresh_token": None}, "refresh_token"),
        ("/api/client/auth/google", {"id_token": []}, "id_token"),
    ],
)
async def test_a_wrong_field_is_named(town: Town, path: str, body: object, field: str) -> None:
    problem = await town.nobody.posts(path, body, 422, "validation_failed")
    assert fields_of(problem) == {field}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/client/payment-requests", {"tier_id": 1}, "tier_id"),
        ("/api/client/payment-requests", {"tier_id": "chat_12", "topics": "x"}, "topics"),
        ("/api/client/payment-requests", {"tier_id": "chat_12", "topics": [1]}, "topics"),
        ("/api/client/payment-requests", {"tier_id": "chat_12", "sensitivity": "x"}, "sensitivity"),
        (
            "/api/client/payment-requests",
            {"tier_id": "chat_12", "is_extension": "y"},
            "is_extension",
        ),
        (
            "/api/client/payment-requests",
            {"tier_id": "chat_12", "targeted_mitra_id": "x"},
            "targeted_mitra_id",
        ),
        ("/api/client/payment-requests", {"duration_minutes": "12"}, "duration_minutes"),
        ("/api/client/payment-requests", {"duration_minutes": 10**30}, "duration_minutes"),
        ("/api/client/chat-requests", {"payment_request_id": 5}, "payment_request_id"),
        ("/api/client/chat-requests/cancel", {"payment_request_id": "x"}, "payment_request_id"),
    ],
)
async def test_a_wrong_field_of_a_customer_is_named(
    town: Town, path: str, body: object, field: str
) -> None:
    customer = await town.customer()
    problem = await customer.posts(path, body, 422, "validation_failed")
    assert {name.split("[")[0].split(".")[0] for name in fields_of(problem)} == {field}


FOREIGN = [
    ("GET", "/api/client/payment-requests/{payment}", None),
    ("POST", "/api/client/payment-requests/{payment}/confirm", None),
    ("POST", "/api/client/payment-requests/{payment}/cancel", None),
    ("GET", "/api/client/payment-sessions/{payment}", None),
    ("POST", "/api/client/chat-requests/{payment}/fallback-to-blast", None),
    ("POST", "/api/client/chat-requests", {"payment_request_id": "{payment}"}),
    ("POST", "/api/client/chat-requests/cancel", {"payment_request_id": "{payment}"}),
    (
        "POST",
        "/api/client/chat-requests/returning",
        {"payment_request_id": "{payment}", "mitra_id": "{mitra}"},
    ),
    ("GET", "/api/shared/chat-sessions/{session}", None),
    ("GET", "/api/shared/chat-sessions/{session}/messages", None),
    (
        "POST",
        "/api/shared/chat-sessions/{session}/messages",
        {"client_message_id": "1", "content": "x"},
    ),
    ("POST", "/api/shared/chat-sessions/{session}/receipts", {"read_up_to_seq": 0}),
    ("POST", "/api/shared/chat-sessions/{session}/end", None),
    ("POST", "/api/shared/chat-sessions/{session}/closing-message", {"skip": True}),
    ("POST", "/api/client/chat-sessions/{session}/rating", {"stars": 5}),
    (
        "POST",
        "/api/client/chat-sessions/{session}/extensions",
        {"extension_payment_request_id": "{payment}"},
    ),
]


async def test_someone_elses_objects_are_not_found(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    stranger = await town.customer("Stranger")
    real = {"payment": session["payment_request_id"], "session": session["id"], "mitra": mitra.id}
    for ids in (real, dict.fromkeys(real, NO_ID)):
        for method, path, body in FOREIGN:
            filled = {
                k: v.format(**ids) if isinstance(v, str) else v for k, v in (body or {}).items()
            }
            answer = await stranger.calls(method, path.format(**ids), filled or None)
            answers(answer, 404, "not_found")
    assert (await customer.session(session["id"]))["status"] == "active"


async def test_ids_that_are_none_are_not_found(town: Town) -> None:
    customer = await town.customer()
    await customer.gets("/api/client/payment-requests/not-an-id", 404, "not_found")
    await customer.gets("/api/shared/chat-sessions/12", 404, "not_found")


APP_LISTS = ["/api/client/payment-requests", "/api/client/chat-sessions"]
INTERNAL_LISTS = [
    "mitras",
    "mitra-online-logs",
    "customers",
    "sessions",
    "pairings",
    "failed-pairings",
    "payment-requests",
    "cc-users",
    "audit-log",
]


@pytest.mark.parametrize("path", APP_LISTS)
async def test_the_apps_lists_page_by_cursor(town: Town, path: str) -> None:
    customer = await town.customer()
    page = await customer.gets(path, shape={"rows": [shapes.mapping]})
    assert page["next_cursor"] is None
    await customer.gets(path + "?limit=1")
    await customer.gets(path + "?limit=200")
    for limit in ("0", "201", "-1", "x", "1.5"):
        problem = await customer.gets(f"{path}?limit={limit}", 422, "validation_failed")
        assert fields_of(problem) == {"limit"}
    problem = await customer.gets(f"{path}?cursor=nonsense", 422, "validation_failed")
    assert fields_of(problem) == {"cursor"}


@pytest.mark.parametrize("name", INTERNAL_LISTS)
async def test_internal_lists_page_by_offset(town: Town, name: str) -> None:
    path = f"/internal/{name}"
    await town.admin.gets(path, shape={"rows": [shapes.mapping], "total": shapes.count})
    await town.admin.gets(path + "?limit=1&offset=0")
    page = await town.admin.gets(path + "?limit=200&offset=100000")
    assert page["rows"] == []
    for query, field in (
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
        ("offset=99999999999999999999", "offset"),
    ):
        problem = await town.admin.gets(f"{path}?{query}", 422, "validation_failed")
        assert fields_of(problem) == {field}


async def test_payments_page_to_their_end_without_a_gap(town: Town) -> None:
    customer = await town.customer()
    made = []
    for _ in range(5):
        made.append((await customer.buys())["id"])
        await customer.posts(f"/api/client/payment-requests/{made[-1]}/cancel")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        path = f"/api/client/payment-requests?limit=2{'&cursor=' + cursor if cursor else ''}"
        page = await customer.gets(path, shape={"rows": [shapes.PAYMENT]})
        seen += [row["id"] for row in page["rows"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize("listener", ["nobody", "outsider"])
async def test_pages_of_allowed_origins_may_call_and_others_may_not(
    town: Town, listener: str
) -> None:
    caller = getattr(town, listener)
    asked = {"Access-Control-Request-Method": "PATCH", "Origin": "https://app.halobestie.test"}
    path = {"nobody": "/api/client/profile", "outsider": "/internal/config"}[listener]
    answer = await caller.calls("OPTIONS", path, headers=asked)
    assert answer.status_code in {200, 204}
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.halobestie.test"
    allowed = {m.strip() for m in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert {"GET", "POST", "PATCH", "PUT", "DELETE"} <= allowed
    other = {**asked, "Origin": "https://evil.test"}
    answer = await caller.calls("OPTIONS", path, headers=other)
    assert "Access-Control-Allow-Origin" not in answer.headers
    simple = await caller.calls("GET", "/healthz", headers={"Origin": asked["Origin"]})
    assert simple.headers["Access-Control-Allow-Origin"] == asked["Origin"]
