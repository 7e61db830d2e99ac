"""Whatever a client sends is either what the route declared or refused by name."""

import pytest

from halobestie.web import HaloApp
from tests.web.sample import bearer


async def post(app: HaloApp, raw: bytes, kind: str | None = "application/json") -> tuple[int, dict]:
    headers = bearer("customer") | ({} if kind is None else {"Content-Type": kind})
    answer = await app.test_client().post("/api/client/orders", data=raw, headers=headers)
    return answer.status_code, await answer.get_json()


async def get(app: HaloApp, query: str) -> tuple[int, dict]:
    answer = await app.test_client().get(f"/internal/rows?{query}", headers=bearer("admin"))
    return answer.status_code, await answer.get_json()


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"unknown":1}'])
async def test_what_is_optional_may_be_left_out(app: HaloApp, raw: bytes) -> None:
    status, body = await post(app, raw)

    assert (status, body["name"]) == (201, "nobody")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nope",
        b'{"name":"\xff"}',
        b'{"name":"\\ud800"}',
        b'{"name":"a\x00b"}',
        b'{"deep":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"name":NaN}',
        b"\xef\xbb\xbf{}",
        b"{} trailing",
    ],
)
async def test_what_is_no_json_is_refused(app: HaloApp, raw: bytes) -> None:
    status, body = await post(app, raw)

    assert (status, body["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"name":5}', "name"),
        (b'{"name":""}', "name"),
        (b'{"name":"a\\u0000b"}', "name"),
        (b'{"tiers":[{"amount":1},{"amount":"x"}]}', "tiers[1].amount"),
        (b'{"tiers":[{"amount":-1}]}', "tiers[0].amount"),
        (b'{"tiers":[{}]}', "tiers[0].amount"),
        (b'{"tiers":[{"amount":1,"label":"\\u0000"}]}', "tiers[0].label"),
        (b'{"count":' + b"9" * 30 + b"}", "count"),
        (b'{"count":' + b"9" * 6000 + b"}", "count"),
        (b'{"count":1e400}', "count"),
        (b'{"count":1.5}', "count"),
        (b"[]", "body"),
        (b"null", "body"),
    ],
)
async def test_a_wrong_field_is_named(app: HaloApp, raw: bytes, field: str) -> None:
    status, body = await post(app, raw)

    assert (status, body["code"]) == (422, "validation_failed")
    assert [error["field"] for error in body["errors"]] == [field]
    assert body["errors"][0]["message"]


async def test_a_missing_field_is_named(app: HaloApp) -> None:
    answer = await app.test_client().post("/api/client/words", headers=bearer("customer"))

    assert answer.status_code == 422
    assert (await answer.get_json())["errors"] == [{"field": "word", "message": "is required"}]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/x+json", None])
async def test_json_may_be_called_by_its_names(app: HaloApp, kind: str | None) -> None:
    status, _ = await post(app, b"{}", kind)

    assert status == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
async def test_what_claims_to_be_something_else_is_refused(app: HaloApp, kind: str) -> None:
    status, body = await post(app, b"{}", kind)

    assert (status, body["code"]) == (415, "unsupported_media_type")


async def test_64_kib_pass_and_one_byte_more_does_not(app: HaloApp) -> None:
    frame = b'{"unknown":"%s"}'
    fits = frame % (b"x" * (64 * 1024 - len(frame) + 2))

    assert (await post(app, fits))[0] == 201
    status, body = await post(app, fits + b" ")
    assert (status, body["code"]) == (413, "payload_too_large")


async def test_a_large_body_without_a_length_is_refused_too(app: HaloApp) -> None:
    async with app.test_client().request(
        "/api/client/orders", method="POST", headers=bearer("customer")
    ) as connection:
        for _ in range(3):
            await connection.send(b"x" * 30_000)
        await connection.send_complete()
    answer = await connection.as_response()

    assert answer.status_code == 413
    assert (await answer.get_json())["code"] == "payload_too_large"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("date_from=yesterday", "date_from"),
        ("date_to=2026-02-30", "date_to"),
        ("date_to=%00", "date_to"),
    ],
)
async def test_a_wrong_query_parameter_is_named(app: HaloApp, query: str, field: str) -> None:
    status, body = await get(app, query)

    assert (status, body["code"]) == (422, "validation_failed")
    assert body["errors"][0]["field"] == field


async def test_days_are_whole_and_moments_exact(app: HaloApp) -> None:
    _, days = await get(app, "date_from=2026-01-31&date_to=2026-01-31&limit=200")
    _, moments = await get(app, "date_from=2026-01-31T10:00:00Z&date_to=2026-01-31T19:00:00+07:00")

    assert days == {"limit": 200, "since": "2026-01-31T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    assert moments["since"] == "2026-01-31T10:00:00Z"
    assert moments["until"] == "2026-01-31T19:00:00+07:00"
