"""Customers: registering with all they have, leaving without a trace, being blocked."""

import msgspec
import trio

from actors import Unavailable
from halobestie.adapters.postgres import Database
from tests.accounts.world import Answer, Browser, World, everything, session_of

PHONE = "+6281234567890"


async def test_who_verifies_a_phone_keeps_id_and_sign_in(world: World, customer: Browser) -> None:
    before, session = customer.id, session_of(customer)
    await world.by_phone(PHONE, browser=customer, display_name="Sari")

    assert customer.id == before
    assert session_of(customer) == session
    assert customer.user["is_anonymous"] is False
    assert (customer.user["phone"], customer.user["display_name"]) == (PHONE, "Sari")
    assert (await customer.refreshes()).status == 200
    assert world.closed_sockets == []


async def test_a_phone_with_an_account_signs_that_one_in(world: World, customer: Browser) -> None:
    owner = await world.by_phone(PHONE)
    world.passes(61)
    anonymous_id = customer.id
    await world.by_phone(PHONE, browser=customer)

    assert customer.id == owner.id
    assert customer.id != anonymous_id


async def test_a_registered_customer_does_not_take_over_a_phone(world: World) -> None:
    registered = await world.by_phone(PHONE)
    first = registered.id
    await world.by_phone("+6281299999999", browser=registered)

    assert registered.id != first
    assert registered.user["phone"] == "+6281299999999"


async def test_an_expired_bearer_is_refused_before_the_code_is_spent(
    world: World, customer: Browser
) -> None:
    await customer.post("/api/client/auth/otp/request", {"phone": PHONE})
    world.passes(3601)
    body = {"phone": PHONE, "code": world.mail.code_for(PHONE)}
    refused = await customer.post("/api/client/auth/otp/verify", body)

    assert (refused.status, refused.code) == (401, "token_expired")


async def test_a_mitra_cannot_become_a_customer_by_a_code(world: World, ayu: Browser) -> None:
    body = {"phone": PHONE, "code": "000000"}
    refused = await ayu.post("/api/client/auth/otp/verify", body)

    assert (refused.status, refused.code) == (403, "forbidden")


async def test_without_the_knob_nobody_stays_anonymous(world: World, customer: Browser) -> None:
    world.knobs.turn(anonymous_customers_enabled=False)
    refused = await world.app_user().post("/api/shared/auth/anonymous")

    assert (refused.status, refused.code) == (403, "anonymous_disabled")
    assert await customer.is_let_in()


async def test_a_name_is_one_line_that_one_can_see(customer: Browser) -> None:
    for name in ("", " ", "x" * 41, "a\nb", "\u200b", "a\u0000b"):
        refused = await customer.patch("/api/client/profile", {"display_name": name})

        assert (refused.status, refused.code) == (422, "validation_failed")
        assert refused.body["errors"][0]["field"] == "display_name"


async def test_a_customer_and_a_mitra_rename_themselves(customer: Browser, ayu: Browser) -> None:
    named = await customer.patch("/api/client/profile", {"display_name": " Sari 💛 "})
    mitra = await ayu.patch("/api/mitra/profile", {"display_name": "Ayu"})

    assert named.body == customer.user | {"display_name": "Sari 💛"}
    assert (await customer.get("/api/shared/auth/me")).body["display_name"] == "Sari 💛"
    assert mitra.body["display_name"] == "Ayu"


async def test_a_device_moves_to_whoever_registers_it_last(
    db: Database, customer: Browser, ayu: Browser
) -> None:
    device = {"fcm_token": "token:with/odd=letters", "platform": "android"}
    await customer.call("PUT", "/api/shared/devices", device)
    kept = await ayu.call("PUT", "/api/shared/devices", device | {"platform": "ios"})
    not_theirs = await customer.call("DELETE", "/api/shared/devices/token:with/odd=letters")
    (row,) = await db.run(everything("devices"))

    assert (kept.status, not_theirs.status) == (204, 204)
    assert (row["user_id"], row["auth_session_id"]) == (ayu.id, session_of(ayu))
    assert row["platform"] == "ios"
    await ayu.call("DELETE", "/api/shared/devices/token:with/odd=letters")
    assert await db.run(everything("devices")) == []


async def test_an_unknown_platform_is_refused(customer: Browser) -> None:
    device = {"fcm_token": "x", "platform": "fridge"}
    refused = await customer.call("PUT", "/api/shared/devices", device)

    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "platform")


async def test_a_customer_reads_all_that_is_held(world: World) -> None:
    async def payments(_customer_id: object) -> object:
        return [{"amount": 15000}]

    world.ports.exports["payments"] = payments
    customer = await world.by_phone(PHONE, display_name="Sari")
    device = {"fcm_token": "token-1", "platform": "web"}
    await customer.call("PUT", "/api/shared/devices", device)
    held = (await customer.get("/api/client/account/export")).body

    assert held["account"]["phone"] == PHONE
    assert held["account"]["display_name"] == "Sari"
    assert held["devices"][0]["platform"] == "web"
    assert len(held["sign_ins"]) == 1
    assert held["payments"] == [{"amount": 15000}]


async def test_who_leaves_leaves_no_personal_data(world: World, db: Database) -> None:
    customer = await world.by_phone(PHONE, display_name="Sari Dewi")
    device = {"fcm_token": "secret-device", "platform": "android"}
    await customer.call("PUT", "/api/shared/devices", device)
    left = await customer.call("DELETE", "/api/client/account")

    assert left.status == 204
    assert world.gone == [customer.id]
    assert world.closed_sockets == [session_of(customer)]
    assert not await customer.is_let_in()
    assert (await customer.refreshes()).code == "refresh_invalid"
    tables = ("customers", "devices", "otp_challenges", "social_identities", "audit_log")
    rest = str([list(row.items()) for table in tables for row in await db.run(everything(table))])
    for trace in ("Sari", "81234567890", "secret-device"):
        assert trace not in rest


async def test_who_left_may_come_back_as_somebody_new(world: World) -> None:
    customer = await world.by_phone(PHONE)
    await customer.call("DELETE", "/api/client/account")
    world.passes(61)
    again = await world.by_phone(PHONE)

    assert again.id != customer.id


async def test_a_farewell_that_failed_is_said_again(world: World, customer: Browser) -> None:
    async def away(_customer_id: object) -> None:
        raise Unavailable

    told = world.ports.customer_gone
    world.ports.customer_gone = away
    left = await customer.call("DELETE", "/api/client/account")
    world.ports.customer_gone = told
    await world.accounts.customers.say_farewells()
    await world.accounts.customers.say_farewells()

    assert left.status == 204
    assert world.gone == [customer.id]


async def test_a_block_acts_at_once_and_can_be_undone(world: World, boss: Browser) -> None:
    customer = await world.by_phone(PHONE)
    path = f"/internal/customers/{customer.id}"
    blocked = await boss.patch(path, {"is_blocked": True})

    assert blocked.body["is_blocked"] is True
    assert world.closed_sockets == [session_of(customer)]
    assert world.gone == [customer.id]
    assert not await customer.is_let_in()
    world.passes(61)
    code_wanted = world.app_user()
    await code_wanted.post("/api/client/auth/otp/request", {"phone": PHONE})
    body = {"phone": PHONE, "code": world.mail.code_for(PHONE)}
    refused = await code_wanted.post("/api/client/auth/otp/verify", body)
    assert (refused.status, refused.code) == (403, "account_blocked")

    world.passes(61)
    assert (await boss.patch(path, {"is_blocked": False})).body["is_blocked"] is False
    assert (await world.by_phone(PHONE)).id == customer.id


async def test_a_phone_proved_twice_at_once_makes_one_account(world: World) -> None:
    customers = world.accounts.customers
    found: list[str] = []

    async def arrive() -> None:
        found.append(str((await customers.arrive_by_phone(PHONE, None, None)).customer.id))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(arrive)

    assert len(set(found)) == 1


async def test_operators_find_customers_by_name_and_phone(world: World, boss: Browser) -> None:
    sari = await world.by_phone(PHONE, display_name="Sari_Dewi")
    await world.anonymous()

    async def search(query: str) -> Answer:
        return await boss.get(f"/internal/customers?query={query}")

    for query in ("sari_", "0812345", "%2B62812", str(sari.id)):
        answer = await search(query)
        assert answer.body["total"] == 1, query
        assert answer.body["rows"][0]["id"] == str(sari.id)
    assert (await search("%25")).body == {"rows": [], "total": 0}
    assert (await boss.get("/internal/customers?limit=1&offset=1")).body["total"] == 2
    assert (await boss.get(f"/internal/customers/{sari.id}")).body["phone"] == PHONE
    assert (await boss.get(f"/internal/customers/{world.accounts.sessions}")).status == 404


async def test_the_users_answers_never_show_themselves_in_a_repr(world: World) -> None:
    customer = await world.by_phone(PHONE, display_name="Sari")
    user = await world.accounts.me(world.accounts.authenticate(customer.access_token or ""))

    assert repr(user) == "User(…)"
    assert PHONE in msgspec.json.encode(user).decode()
