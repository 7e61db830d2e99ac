"""Who is let in, and whose address counts."""

import pytest

from halobestie.web import HaloApp
from tests.web.sample import CUSTOMER, bearer, build


async def test_a_signed_in_customer_is_known(app: HaloApp) -> None:
    answer = await app.test_client().get("/api/client/me", headers=bearer("customer"))

    assert (await answer.get_json())["id"] == str(CUSTOMER.id)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer ä", "customer"]
)
async def test_nobody_is_refused(app: HaloApp, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await app.test_client().get("/api/client/me", headers=headers)

    assert answer.status_code == 401
    assert (await answer.get_json())["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_huge_token_is_refused_unread(app: HaloApp) -> None:
    answer = await app.test_client().get("/api/client/me", headers=bearer("x" * 5000))

    assert answer.status_code == 401


@pytest.mark.parametrize("who", ["mitra", "operator"])
async def test_another_kind_of_user_is_refused(app: HaloApp, who: str) -> None:
    answer = await app.test_client().get("/api/client/me", headers=bearer(who))

    assert (answer.status_code, (await answer.get_json())["code"]) == (403, "forbidden")


async def test_an_operator_may_not_do_what_admins_do(app: HaloApp) -> None:
    operator = await app.test_client().post("/internal/admin-only", headers=bearer("operator"))
    admin = await app.test_client().post("/internal/admin-only", headers=bearer("admin"))

    assert (operator.status_code, admin.status_code) == (403, 204)


async def test_a_public_route_knows_a_caller_and_refuses_a_bad_token(app: HaloApp) -> None:
    known = await app.test_client().get("/api/shared/maybe", headers=bearer("customer"))
    nobody = await app.test_client().get("/api/shared/maybe")
    bad = await app.test_client().get("/api/shared/maybe", headers=bearer("stale"))

    assert (await known.get_json())["caller"]["id"] == str(CUSTOMER.id)
    assert (await nobody.get_json())["caller"] is None
    assert bad.status_code == 401


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "6.6.6.6", "10.0.0.9"),
        (1, None, "10.0.0.9"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 5.6.7.8", "1.2.3.4"),
        (1, "::ffff:1.2.3.4", "1.2.3.4"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "6.6.6.6, nonsense", "unknown"),
    ],
)
async def test_only_our_own_proxies_are_believed(
    hops: int, forwarded: str | None, address: str
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = await (
        build(trusted_hops=hops)
        .test_client()
        .get("/api/shared/maybe", headers=headers, scope_base={"client": ("10.0.0.9", 1)})
    )

    assert (await answer.get_json())["address"] == address
