"""§3: who gets in, who stays, and who is put out."""

import base64
import json
from typing import Any

import jwt
import pytest
import trio

from tests.waiting import until

from . import shapes
from .people import Person, Town, answers, fields_of
from .server import SIGNING_KEY

LOGIN = "/internal/auth/login"


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def refused_within_a_second(caller: Any, path: str) -> None:
    """Polls: another node may have done it, nobody tells the outside."""
    with trio.fail_after(1.5):
        while (await caller.calls("GET", path)).status_code != 401:  # noqa: ASYNC110
            await trio.sleep(0.02)


async def test_an_anonymous_customer_gets_tokens(town: Town) -> None:
    tokens = await town.nobody.posts("/api/shared/auth/anonymous", {}, 201, shape=shapes.TOKENS)
    assert tokens["user"]["is_anonymous"] is True
    assert tokens["user"]["phone"] is None
    said = claims(tokens["access_token"])
    assert said["sub"] == tokens["user"]["id"]
    assert said["user_type"] == "customer"
    assert shapes.uuid(said["session_id"])
    assert said["exp"] - said["iat"] == 3600


async def test_an_anonymous_customer_is_refused_when_the_knob_is_off(town: Town) -> None:
    await town.knobs(anonymous_customers_enabled=False)
    await town.nobody.posts("/api/shared/auth/anonymous", {}, 403, "anonymous_disabled")


@pytest.mark.parametrize("role", ["client", "mitra"])
async def test_a_code_is_asked_for_and_the_phone_is_normalised(town: Town, role: str) -> None:
    phone = town.phone()
    for spelling in ("0" + phone[3:],):
        answer = await town.nobody.posts(
            f"/api/{role}/auth/otp/request",
            {"phone": spelling},
            202,
            shape={"expires_in_seconds": {300}, "retry_after_seconds": shapes.integer},
        )
        assert answer["phone"] == phone


@pytest.mark.parametrize(
    "spelling",
    [
        "0812 1234 5{n:03}",
        "62812-1234-6{n:03}",
        "00628121234 7{n:03}",
        "+62 812 1234 8{n:03}",
        "8121234 9{n:03}",
    ],
)
async def test_a_phone_by_any_spelling_is_one_phone(town: Town, spelling: str) -> None:
    written = spelling.format(n=101)
    answer = await town.nobody.posts("/api/client/auth/otp/request", {"phone": written}, 202)
    digits = "".join(c for c in written if c.isdigit())[-11:]
    assert answer["phone"] == "+62" + digits[-11:].removeprefix("0").removeprefix("2")


@pytest.mark.parametrize(
    "phone",
    [
        "",
        "1",
        "12345",
        "+1 202 555 0100 5",
        "021 5550100",
        "0812",
        "abc",
        "+62812123456 ext 5",
        "0" * 60,
        "0812\x0012345",
        "+6281211112222333",
    ],
)
async def test_what_is_no_mobile_number_is_refused(town: Town, phone: str) -> None:
    for path in ("request", "verify"):
        problem = await town.nobody.posts(
            f"/api/client/auth/otp/{path}", {"phone": phone, "code": "123456"}, 422
        )
        assert "phone" in fields_of(problem)


async def test_a_second_code_waits_for_the_cooldown(town: Town) -> None:
    phone = town.phone()
    await town.code("client", phone)
    problem = await town.nobody.posts(
        "/api/client/auth/otp/request", {"phone": phone}, 429, "otp_cooldown"
    )
    assert 0 <= problem["retry_after_seconds"] <= 1


async def test_a_stranger_on_the_mitra_route_gets_the_same_answer_and_no_code(town: Town) -> None:
    stranger, mitra = town.phone(), town.phone()
    await town.hires(phone=mitra)
    first = await town.nobody.posts("/api/mitra/auth/otp/request", {"phone": stranger}, 202)
    second = await town.nobody.posts("/api/mitra/auth/otp/request", {"phone": mitra}, 202)
    assert {**first, "phone": ""} == {**second, "phone": ""}
    await until(lambda: bool(town.node.codes_of(mitra)))
    assert not town.node.codes_of(stranger)


async def test_a_code_signs_in_once(town: Town) -> None:
    phone = town.phone()
    code = await town.code("client", phone)
    body = {"phone": phone, "code": code, "display_name": "Dewi"}
    tokens = await town.nobody.posts("/api/client/auth/otp/verify", body, shape=shapes.TOKENS)
    assert tokens["user"]["display_name"] == "Dewi"
    assert tokens["user"]["phone"] == phone
    assert tokens["user"]["is_anonymous"] is False
    again = await town.nobody.calls("POST", "/api/client/auth/otp/verify", body)
    assert answers(again, 401)["code"] in {"otp_invalid", "otp_expired"}


async def test_five_wrong_codes_block_the_phone(town: Town) -> None:
    phone = town.phone()
    code = await town.code("client", phone)
    wrong = {"phone": phone, "code": f"{(int(code) + 1) % 1_000_000:06d}"}
    left = []
    for _ in range(4):
        problem = await town.nobody.posts("/api/client/auth/otp/verify", wrong, 401, "otp_invalid")
        left.append(problem["attempts_left"])
    assert left == [4, 3, 2, 1]
    last = await town.nobody.calls("POST", "/api/client/auth/otp/verify", wrong)
    assert last.status_code in {401, 429}
    right = {"phone": phone, "code": code}
    for path, body in (("verify", right), ("request", {"phone": phone})):
        answer = await town.nobody.calls("POST", f"/api/client/auth/otp/{path}", body)
        problem = answers(answer, 429, "otp_blocked")
        assert 0 < problem["retry_after_seconds"] <= 900
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_phone_without_a_code_is_told_so(town: Town) -> None:
    body = {"phone": town.phone(), "code": "123456"}
    answer = await town.nobody.calls("POST", "/api/client/auth/otp/verify", body)
    assert answers(answer, 401)["code"] in {"otp_invalid", "otp_expired"}


async def test_an_anonymous_customer_keeps_history_with_a_phone(town: Town) -> None:
    customer = await town.customer()
    payment = await customer.buys()
    phone = town.phone()
    body = {"phone": phone, "code": await town.code("client", phone)}
    tokens = await customer.posts("/api/client/auth/otp/verify", body, shape=shapes.TOKENS)
    assert tokens["user"]["id"] == customer.id
    assert tokens["user"]["is_anonymous"] is False
    upgraded = Person(town, "client", tokens)
    assert (await upgraded.payment(payment["id"]))["id"] == payment["id"]


async def test_an_anonymous_customer_with_a_known_phone_is_signed_in_to_that_account(
    town: Town,
) -> None:
    phone = town.phone()
    owner = await town.registered(phone)
    await trio.sleep(1.05)  # the cooldown between two codes for one phone
    customer = await town.customer()
    body = {"phone": phone, "code": await town.code("client", phone)}
    tokens = await customer.posts("/api/client/auth/otp/verify", body, shape=shapes.TOKENS)
    assert tokens["user"]["id"] == owner.id


async def test_a_customer_and_a_mitra_may_have_the_same_phone(town: Town) -> None:
    phone = town.phone()
    await town.hires(phone=phone)
    mitra = await town.signs_in("mitra", phone)
    customer = await town.signs_in("client", phone)
    assert mitra["user"]["id"] != customer["user"]["id"]
    assert (mitra["user"]["user_type"], customer["user"]["user_type"]) == ("mitra", "customer")


@pytest.mark.parametrize("provider", ["google", "apple"])
async def test_social_sign_in_without_a_provider_says_so(town: Town, provider: str) -> None:
    await town.nobody.posts(
        f"/api/client/auth/{provider}", {"id_token": "a.b.c"}, 503, "provider_not_configured"
    )


async def test_a_refresh_rotates_and_ten_at_once_all_work(town: Town) -> None:
    customer = await town.customer()
    body = {"refresh_token": customer.refresh_token}
    pairs: list[Any] = []

    async def refresh() -> None:
        pairs.append(await town.nobody.posts("/api/shared/auth/refresh", body, shape=shapes.TOKENS))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(refresh)
    session = claims(customer.token)["session_id"]
    for pair in pairs:
        assert pair["refresh_token"] != customer.refresh_token
        assert claims(pair["access_token"])["session_id"] == session
        town.nobody.token = pair["access_token"]
        await town.nobody.gets("/api/shared/auth/me")
    await town.nobody.posts(
        "/api/shared/auth/refresh", {"refresh_token": pairs[-1]["refresh_token"]}
    )


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "x" * 500])
async def test_a_refresh_token_that_is_none_is_invalid(town: Town, token: str) -> None:
    await town.nobody.posts(
        "/api/shared/auth/refresh", {"refresh_token": token}, 401, "refresh_invalid"
    )


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(town: Town) -> None:
    customer = await town.customer()
    body = {"refresh_token": customer.token}
    await town.nobody.posts("/api/shared/auth/refresh", body, 401, "refresh_invalid")
    customer.token = customer.refresh_token
    await customer.gets("/api/shared/auth/me", 401, "unauthenticated")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Basic abc",
        "Bearer a.b.c",
        "bearer",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    ],
)
async def test_a_bad_token_is_unauthenticated(town: Town, header: str) -> None:
    answer = await town.nobody.calls(
        "GET", "/api/shared/auth/me", headers={"Authorization": header}
    )
    answers(answer, 401, "unauthenticated")


def forged(token: str, key: str = SIGNING_KEY, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode({**claims(token), **changes}, key, algorithm)


async def test_a_token_that_was_tampered_with_is_refused_and_an_old_one_is_told(
    town: Town,
) -> None:
    customer = await town.customer()
    real, issued = customer.token, claims(customer.token)["iat"]
    customer.token = forged(real)
    await customer.gets("/api/shared/auth/me")
    for token in (
        forged(real, "another key" * 9),
        forged(real, "", "none"),
        forged(real, algorithm="HS512"),
        forged(real, user_type="king"),
        forged(real, sub="not an id"),
        forged(real, iat=issued + 9000, exp=issued + 9999),
    ):
        customer.token = token
        await customer.gets("/api/shared/auth/me", 401, "unauthenticated")
    customer.token = forged(real, iat=issued - 7200, exp=issued - 3600)
    await customer.gets("/api/shared/auth/me", 401, "token_expired")
    old = ["halobestie", f"bearer.{customer.token}"]
    assert await (await town.socket("/api/client/ws", subprotocols=old)).is_closed() == 4401


async def test_a_logout_ends_everything_within_a_second(town: Town) -> None:
    customer = await town.customer()
    socket = await customer.connects()
    assert (await customer.calls("POST", "/api/shared/auth/logout")).status_code == 204
    with trio.fail_after(1.5):
        assert await socket.is_closed() == 4403
    await refused_within_a_second(customer, "/api/shared/auth/me")
    body = {"refresh_token": customer.refresh_token}
    await town.nobody.posts("/api/shared/auth/refresh", body, 401, "refresh_invalid")


async def test_a_logout_leaves_other_sessions_of_the_same_user(town: Town) -> None:
    phone = town.phone()
    first = await town.registered(phone)
    await trio.sleep(1.05)  # the cooldown between two codes for one phone
    second = await town.registered(phone)
    socket = await second.connects()
    assert (await first.calls("POST", "/api/shared/auth/logout")).status_code == 204
    await refused_within_a_second(first, "/api/shared/auth/me")
    await second.gets("/api/shared/auth/me")
    await socket.pings()


@pytest.mark.parametrize("role", ["client", "mitra"])
async def test_me_is_the_bare_user_and_the_name_can_be_changed(town: Town, role: str) -> None:
    person = await (town.customer() if role == "client" else town.mitra(online=False))
    me = await person.gets("/api/shared/auth/me", shape=shapes.USER)
    assert me["id"] == person.id
    changed = await person.patches(
        f"/api/{role}/profile", {"display_name": "Melati"}, shape=shapes.USER
    )
    assert changed["display_name"] == "Melati"
    assert (await person.gets("/api/shared/auth/me"))["display_name"] == "Melati"
    for bad in ("", "x" * 41, 5, None):
        problem = await person.patches(
            f"/api/{role}/profile", {"display_name": bad}, 422, "validation_failed"
        )
        assert fields_of(problem) == {"display_name"}
    await person.patches(f"/api/{role}/profile", {"display_name": "x" * 40})


async def test_a_deleted_account_is_gone_and_its_session_closes(town: Town) -> None:
    customer, mitra, session = await town.chatting(await town.registered(name="Rahasia"))
    customers, mitras = await customer.connects(), await mitra.connects()
    assert (await customer.calls("DELETE", "/api/client/account")).status_code == 204
    assert await customers.is_closed() == 4403
    await mitras.hears("session_closing", session_id=session["id"])
    await refused_within_a_second(customer, "/api/shared/auth/me")
    seen = await mitra.session(session["id"])
    assert seen["status"] in {"closing", "completed"}
    assert seen["customer"]["display_name"] != "Rahasia"


async def test_a_blocked_customer_is_put_out(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers, mitras = await customer.connects(), await mitra.connects()
    path = f"/internal/customers/{customer.id}"
    assert (await town.admin.patches(path, {"is_blocked": True}))["is_blocked"] is True
    assert await customers.is_closed() == 4403
    await refused_within_a_second(customer, "/api/shared/auth/me")
    await mitras.hears("session_closing", session_id=session["id"])


async def test_a_deleted_accounts_search_is_cancelled(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra()
    mitras = await mitra.connects()
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    offer = await mitras.hears("chat_request")
    assert (await customer.calls("DELETE", "/api/client/account")).status_code == 204
    await mitras.hears("chat_request_closed", pairing_id=offer["pairing_id"], reason="cancelled")
    rows = (await town.admin.gets("/internal/failed-pairings?limit=200"))["rows"]
    row = next(row for row in rows if row["payment_request_id"] == payment["id"])
    assert (row["cause_tag"], row["is_terminal"]) == ("customer_cancelled", True)


async def operator_login(town: Town, email: str, password: str) -> Any:
    return await town.outsider.calls("POST", LOGIN, {"email": email, "password": password})


async def test_an_operator_signs_in_refreshes_by_cookie_and_out(town: Town) -> None:
    email, password = f"op{town.phone()}@contract.test", "another long password"
    made = await town.admin.calls(
        "POST",
        "/internal/cc-users",
        {
            "email": email,
            "display_name": "Op",
            "role": "operator",
            "password": password,
        },
    )
    assert made.status_code in {200, 201}, made.text
    assert password not in made.text
    answer = await operator_login(town, email, password)
    login = answers(answer, 200, shape=shapes.OPERATOR_LOGIN)
    assert "refresh_token" not in login
    name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
    attributes = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/internal/auth"} <= attributes
    claimed = claims(login["access_token"])
    assert claimed["user_type"] == "cc_user"
    cookie = {"Cookie": f"{name}={value}"}
    again = await town.outsider.calls("POST", "/internal/auth/refresh", headers=cookie)
    refreshed = answers(again, 200, shape=shapes.OPERATOR_LOGIN)
    assert again.headers["Set-Cookie"].partition(";")[0] != f"{name}={value}"
    town.outsider.token = refreshed["access_token"]
    await town.outsider.gets("/internal/dashboard")
    await town.outsider.gets("/internal/cc-users", 403, "forbidden")
    gone = await town.outsider.calls("POST", "/internal/auth/logout", headers=cookie)
    answers(gone, 204)
    cleared = gone.headers["Set-Cookie"].lower()
    assert "max-age=0" in cleared or "1970" in cleared
    await refused_within_a_second(town.outsider, "/internal/dashboard")


async def test_an_operators_refresh_without_a_cookie_is_refused(town: Town) -> None:
    answers(await town.outsider.calls("POST", "/internal/auth/refresh"), 401)
    bad = {"Cookie": "refresh_token=nonsense; halobestie_refresh=nonsense"}
    answers(await town.outsider.calls("POST", "/internal/auth/refresh", headers=bad), 401)


async def test_ten_wrong_passwords_lock_an_email_and_only_that(town: Town) -> None:
    email = f"unknown{town.phone()}@contract.test"
    for _ in range(10):
        answers(await operator_login(town, email, "wrong password"), 401, "invalid_credentials")
    answer = await operator_login(town, email, "wrong password")
    answers(answer, 429)
    assert int(answer.headers["Retry-After"]) > 0
    answers(await operator_login(town, email + "x", "wrong password"), 401, "invalid_credentials")
