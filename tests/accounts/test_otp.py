"""One-time codes: who gets one, how often, and what a guess costs."""

import trio

from halobestie.accounts.otp import GUESSES
from tests.accounts.world import Answer, Browser, World

PHONE = "+6281234567890"
STRANGER = "+6281299999999"


async def ask(browser: Browser, phone: str = PHONE, kind: str = "client") -> Answer:
    return await browser.post(f"/api/{kind}/auth/otp/request", {"phone": phone})


async def guess(browser: Browser, code: str, phone: str = PHONE, kind: str = "client") -> Answer:
    return await browser.post(f"/api/{kind}/auth/otp/verify", {"phone": phone, "code": code})


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_a_phone_is_normalised_or_refused_by_name(world: World) -> None:
    asked = await ask(world.app_user(), "0812-3456-7890")
    refused = await ask(world.app_user(), "021 1234567")

    assert (asked.status, asked.body) == (
        202,
        {"phone": PHONE, "expires_in_seconds": 300, "retry_after_seconds": 60},
    )
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert refused.body["errors"][0]["field"] == "phone"


async def test_a_customer_signs_in_by_a_code(world: World) -> None:
    customer = await world.by_phone(PHONE, display_name="  Sari   Dewi ")

    assert customer.user["phone"] == PHONE
    assert customer.user["is_anonymous"] is False
    assert customer.user["display_name"] == "Sari Dewi"
    assert await customer.is_let_in()


async def test_a_code_is_six_digits_and_works_once(world: World) -> None:
    customer = await world.by_phone(PHONE)
    code = world.mail.code_for(PHONE)
    again = await guess(world.app_user(), code)

    assert len(code) == 6
    assert code.isdigit()
    assert (again.status, again.code) == (401, "otp_expired")
    assert await customer.is_let_in()


async def test_of_two_who_have_the_code_one_gets_in(world: World) -> None:
    await ask(world.app_user())
    answers: list[Answer] = []

    async def try_it() -> None:
        answers.append(await guess(world.app_user(), world.mail.code_for(PHONE)))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(try_it)

    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]


async def test_a_code_lives_five_minutes(world: World) -> None:
    await ask(world.app_user())
    world.passes(301)
    late = await guess(world.app_user(), world.mail.code_for(PHONE))

    assert (late.status, late.code) == (401, "otp_expired")


async def test_a_wrong_code_tells_how_many_guesses_are_left(world: World) -> None:
    await ask(world.app_user())
    code = world.mail.code_for(PHONE)
    refused = [await guess(world.app_user(), wrong(code)) for _ in range(GUESSES)]

    assert [answer.code for answer in refused] == ["otp_invalid"] * GUESSES
    assert [answer.body["attempts_left"] for answer in refused] == [4, 3, 2, 1, 0]


async def test_after_five_wrong_codes_the_phone_waits_fifteen_minutes(world: World) -> None:
    await ask(world.app_user())
    code = world.mail.code_for(PHONE)
    for _ in range(GUESSES):
        await guess(world.app_user(), wrong(code))
    right = await guess(world.app_user(), code)
    world.passes(120)
    another = await ask(world.app_user())

    assert (right.status, right.code) == (429, "otp_blocked")
    assert right.headers["Retry-After"] == str(right.body["retry_after_seconds"])
    assert (another.status, another.code) == (429, "otp_blocked")
    assert 770 <= another.body["retry_after_seconds"] <= 780
    world.passes(15 * 60)
    assert (await world.by_phone(PHONE)).user["phone"] == PHONE


async def test_simultaneous_guesses_get_no_more_than_their_number(world: World) -> None:
    await ask(world.app_user())
    code = world.mail.code_for(PHONE)
    answers: list[Answer] = []

    async def try_it(other: str) -> None:
        answers.append(await guess(world.app_user(), other))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(try_it, wrong(code))

    assert [answer.status for answer in answers].count(401) == GUESSES
    assert [answer.status for answer in answers].count(429) == 20 - GUESSES


async def test_a_minute_lies_between_two_codes(world: World) -> None:
    await ask(world.app_user())
    early = await ask(world.app_user())

    assert (early.status, early.code) == (429, "otp_cooldown")
    assert 55 <= early.body["retry_after_seconds"] <= 60
    assert early.headers["Retry-After"] == str(early.body["retry_after_seconds"])
    assert len(world.mail.codes) == 1
    world.passes(61)
    assert (await ask(world.app_user())).status == 202


async def test_of_simultaneous_requests_one_sends_a_code(world: World) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(ask, world.app_user())

    assert len(world.mail.codes) == 1


async def test_a_new_code_replaces_the_old(world: World) -> None:
    await ask(world.app_user())
    old = world.mail.code_for(PHONE)
    world.passes(61)
    await ask(world.app_user())

    if old != world.mail.code_for(PHONE):
        assert (await guess(world.app_user(), old)).code == "otp_invalid"
    assert (await guess(world.app_user(), world.mail.code_for(PHONE))).status == 200


async def test_a_phone_gets_five_codes_an_hour(world: World) -> None:
    for _ in range(5):
        assert (await ask(world.app_user())).status == 202
        world.passes(61)
    refused = await ask(world.app_user())

    assert (refused.status, refused.code) == (429, "otp_blocked")
    assert 3200 < refused.body["retry_after_seconds"] <= 3600
    assert (await ask(world.app_user(), STRANGER)).status == 202
    world.passes(3600)
    assert (await ask(world.app_user())).status == 202


async def test_an_unknown_mitra_hears_the_same_and_gets_no_code(world: World) -> None:
    known = await ask(world.app_user(), "+628110000001", "mitra")
    unknown = await ask(world.app_user(), STRANGER, "mitra")
    again = await ask(world.app_user(), STRANGER, "mitra")
    guessed = await guess(world.app_user(), "000000", STRANGER, "mitra")

    assert known.status == unknown.status == 202
    assert unknown.body == known.body | {"phone": STRANGER}
    assert again.code == "otp_cooldown"
    assert (guessed.code, guessed.body["attempts_left"]) == ("otp_invalid", 4)
    assert [to for to, _ in world.mail.codes] == ["+628110000001"]


async def test_a_code_for_one_app_does_not_open_the_other(world: World) -> None:
    mitra_phone = "+628110000001"
    await ask(world.app_user(), mitra_phone, "mitra")
    await ask(world.app_user(), mitra_phone, "client")
    for_mitra, for_customer = (code for _, code in world.mail.codes)

    if for_mitra != for_customer:
        crossed = await guess(world.app_user(), for_customer, mitra_phone, "mitra")
        assert crossed.code == "otp_invalid"
    mitra = world.app_user()
    mitra.take(await guess(mitra, for_mitra, mitra_phone, "mitra"))
    customer = world.app_user()
    customer.take(await guess(customer, for_customer, mitra_phone, "client"))

    assert mitra.user["user_type"] == "mitra"
    assert customer.user["user_type"] == "customer"
    assert mitra.id != customer.id
