"""The control center: who signs in, who may do what, and what is written down."""

import msgspec
import pytest
import trio

from halobestie.adapters.postgres import Database, Query
from tests.accounts.world import ADMIN, Answer, Browser, World, everything, session_of

OPERATOR = {
    "email": "Dina@Example.org",
    "display_name": "Dina",
    "role": "operator",
    "password": "correct horse battery",
}


async def hire(boss: Browser, **changes: str) -> Answer:
    return await boss.post("/internal/cc-users", OPERATOR | changes)


async def log_in(world: World, email: str, password: str, address: str = "10.0.0.1") -> Answer:
    browser = Browser(world.internal, address)
    return await browser.post("/internal/auth/login", {"email": email, "password": password})


async def test_the_first_admin_signs_in(world: World, boss: Browser) -> None:
    assert boss.user == {
        "id": boss.user["id"],
        "email": ADMIN[0],
        "display_name": "Admin",
        "role": "admin",
    }
    assert await boss.is_let_in()
    assert await world.accounts.start() is False


async def test_the_refresh_token_is_a_cookie_that_nothing_else_sees(world: World) -> None:
    answer = await log_in(world, *ADMIN)
    cookie = answer.headers["Set-Cookie"]

    assert set(answer.body) == {"access_token", "expires_in", "user"}
    for attribute in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/internal/auth"):
        assert attribute in cookie


async def test_the_cookie_is_rotated_and_cleared(world: World, boss: Browser) -> None:
    first = boss.cookie
    boss.take(await boss.post("/internal/auth/refresh"))
    second = boss.cookie

    assert first != second
    assert await boss.is_let_in()
    left = await boss.post("/internal/auth/logout")
    assert left.status == 204
    assert "Max-Age=0" in left.headers["Set-Cookie"]
    boss.cookie = second
    assert (await boss.post("/internal/auth/refresh")).code == "refresh_invalid"
    assert world.closed_sockets == [session_of(boss)]


async def test_a_strange_page_cannot_use_the_cookie(boss: Browser) -> None:
    strange = await boss.post("/internal/auth/refresh", Origin="https://evil.example")
    own = await boss.post("/internal/auth/refresh", Origin="http://localhost")

    assert (strange.status, strange.code) == (403, "forbidden")
    assert own.status == 200


async def test_without_a_cookie_there_is_no_refresh(world: World, customer: Browser) -> None:
    browser = Browser(world.internal)
    bare = await browser.post("/internal/auth/refresh")
    browser.cookie = f"halobestie_refresh={customer.refresh_token}"
    foreign = await browser.post("/internal/auth/refresh")

    assert bare.code == foreign.code == "refresh_invalid"


async def test_an_operators_refresh_token_is_none_of_the_apps(world: World, boss: Browser) -> None:
    assert boss.cookie is not None
    token = boss.cookie.partition("=")[2]

    assert (await world.app_user().refreshes(token)).code == "refresh_invalid"
    assert await boss.is_let_in()


async def test_a_wrong_password_and_an_unknown_email_look_alike(world: World) -> None:
    wrong = await log_in(world, ADMIN[0], "wrong")
    unknown = await log_in(world, "nobody@example.org", "wrong")

    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    assert {**wrong.body} == {**unknown.body}


async def test_after_ten_failures_even_the_right_password_waits(world: World) -> None:
    failures = [await log_in(world, ADMIN[0].upper(), "wrong") for _ in range(10)]
    right = await log_in(world, *ADMIN)
    unknown = [await log_in(world, "nobody@example.org", "wrong") for _ in range(11)]

    assert {answer.status for answer in failures} == {401}
    assert (right.status, right.code) == (429, "rate_limited")
    assert [answer.status for answer in unknown] == [401] * 10 + [429]
    world.passes(15 * 60)
    assert (await log_in(world, *ADMIN)).status == 200


async def test_successes_do_not_count_as_failures(world: World) -> None:
    for _ in range(12):
        assert (await log_in(world, *ADMIN)).status == 200


async def test_an_address_fails_a_hundred_times(world: World) -> None:
    statuses = [
        (await log_in(world, f"user{number}@example.org", "x")).status for number in range(101)
    ]

    assert statuses == [401] * 100 + [429]
    assert (await log_in(world, *ADMIN, address="10.9.9.9")).status == 200


async def test_an_admin_hires_and_an_operator_may_not(world: World, boss: Browser) -> None:
    hired = await hire(boss)
    twice = await hire(boss, email="DINA@example.ORG")
    dina = await world.operator("dina@example.org", OPERATOR["password"])

    assert hired.status == 201
    assert hired.body["email"] == "dina@example.org"
    assert "password" not in hired.raw.decode()
    assert (twice.status, twice.code) == (409, "email_taken")
    for refused in (
        await dina.get("/internal/cc-users"),
        await hire(dina, email="other@example.org"),
        await dina.patch(f"/internal/cc-users/{dina.id}", {"role": "admin"}),
    ):
        assert (refused.status, refused.code) == (403, "forbidden")
    assert (await dina.get("/internal/customers")).status == 200
    assert (await boss.get("/internal/cc-users")).body["total"] == 2


async def test_a_bad_operator_is_refused_by_field(boss: Browser) -> None:
    for field, value in [
        ("email", "no-at-sign"),
        ("role", "king"),
        ("password", "short"),
        ("display_name", ""),
    ]:
        refused = await hire(boss, **{field: value})

        assert (refused.status, refused.body["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    "change", [{"role": "admin"}, {"is_active": False}, {"password": "another long password"}]
)
async def test_another_role_or_password_signs_an_operator_out(
    world: World, boss: Browser, change: dict[str, object]
) -> None:
    await hire(boss)
    dina = await world.operator("dina@example.org", OPERATOR["password"])
    await boss.patch(f"/internal/cc-users/{dina.id}", change)

    assert not await dina.is_let_in()
    assert (await dina.post("/internal/auth/refresh")).status == 401
    assert world.closed_sockets == [session_of(dina)]
    assert await boss.is_let_in()


async def test_a_deactivated_operator_cannot_sign_in(world: World, boss: Browser) -> None:
    hired = await hire(boss)
    await boss.patch(f"/internal/cc-users/{hired.body['id']}", {"is_active": False})

    refused = await log_in(world, "dina@example.org", OPERATOR["password"])
    assert (refused.status, refused.code) == (401, "invalid_credentials")


async def test_the_last_admin_stays(boss: Browser) -> None:
    for change in ({"role": "operator"}, {"is_active": False}):
        refused = await boss.patch(f"/internal/cc-users/{boss.id}", change)

        assert (refused.status, refused.code) == (409, "last_admin")
    assert await boss.is_let_in()


async def test_two_admins_who_demote_each_other_leave_one(world: World, boss: Browser) -> None:
    await hire(boss, role="admin")
    dina = await world.operator("dina@example.org", OPERATOR["password"])
    answers: list[int] = []

    async def demote(admin: Browser, other: Browser) -> None:
        path = f"/internal/cc-users/{other.id}"
        answers.append((await admin.patch(path, {"role": "operator"})).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(demote, boss, dina)
        nursery.start_soon(demote, dina, boss)

    assert answers.count(200) == 1
    found, _ = await world.accounts.operators.list(limit=10, offset=0)
    assert [operator.role for operator in found].count("admin") == 1


async def test_the_command_makes_an_admin_and_gives_the_role_back(
    world: World, boss: Browser
) -> None:
    await hire(boss)
    made = await world.accounts.operators.make_admin("DINA@example.org", "Dina", "a new password")
    dina = await world.operator("dina@example.org", "a new password")

    assert made.role == "admin"
    assert dina.user["role"] == "admin"


async def test_operators_keep_mitras(world: World, boss: Browser) -> None:
    new = {"phone": "0812 0000 1111", "display_name": "Dewi"}
    added = await boss.post("/internal/mitras", new)
    twice = await boss.post("/internal/mitras", new)
    path = f"/internal/mitras/{added.body['id']}"
    changed = await boss.patch(path, {"display_name": "Dewi S", "capacity_override": 5})
    reset = await boss.patch(path, {"capacity_override": None})

    assert added.status == 201
    assert added.body["phone"] == "+6281200001111"
    assert (twice.status, twice.code) == (409, "phone_taken")
    assert (changed.body["display_name"], changed.body["capacity_override"]) == ("Dewi S", 5)
    assert (reset.body["display_name"], reset.body["capacity_override"]) == ("Dewi S", None)
    assert (await boss.patch(path, {"display_name": None})).status == 422
    assert (await boss.patch(path, {"capacity_override": 51})).status == 422
    assert (await boss.get(f"/internal/mitras/{boss.id}")).status == 404


async def test_mitras_are_listed_by_name_phone_and_presence(
    world: World, boss: Browser, ayu: Browser
) -> None:
    world.online.add(ayu.id)

    async def names(query: str) -> list[str]:
        answer = await boss.get(f"/internal/mitras?{query}")
        assert answer.body["total"] == len(answer.body["rows"])
        return sorted(row["display_name"] for row in answer.body["rows"])

    assert await names("") == ["Bestie Ayu", "Bestie Budi", "Bestie Citra"]
    assert await names("query=budi") == ["Bestie Budi"]
    assert await names("query=0811000000") == ["Bestie Ayu", "Bestie Budi", "Bestie Citra"]
    assert await names("is_online=true") == ["Bestie Ayu"]
    assert await names("is_online=false") == ["Bestie Budi", "Bestie Citra"]


async def test_a_mitra_who_is_switched_off_is_out(
    world: World, boss: Browser, ayu: Browser
) -> None:
    await boss.patch(f"/internal/mitras/{ayu.id}", {"is_active": False})

    assert world.deactivated == [ayu.id]
    assert world.closed_sockets == [session_of(ayu)]
    assert not await ayu.is_let_in()
    world.passes(61)
    sent = len(world.mail.codes)
    asked = await ayu.post("/api/mitra/auth/otp/request", {"phone": "+628110000001"})
    assert asked.status == 202
    assert len(world.mail.codes) == sent


async def test_every_operator_action_is_written_down(
    world: World, boss: Browser, customer: Browser, ayu: Browser
) -> None:
    await hire(boss)
    await boss.patch(f"/internal/customers/{customer.id}", {"is_blocked": True})
    await boss.patch(f"/internal/mitras/{ayu.id}", {"display_name": "Ayu"})
    await boss.patch(f"/internal/mitras/{ayu.id}", {"display_name": "Ayu"})  # changes nothing
    log = await boss.get("/internal/audit-log")
    rows = log.body["rows"]

    assert [row["action"] for row in rows[:4]] == [
        "mitra.change", "customer.block", "cc_user.add", "cc_user.log_in",
    ]  # fmt: skip
    assert {row["actor_name"] for row in rows[:4]} == {ADMIN[0]}
    assert rows[0]["old_value"]["display_name"] == "Bestie Ayu"
    assert rows[0]["new_value"]["display_name"] == "Ayu"
    assert (rows[1]["subject_type"], rows[1]["subject_id"]) == ("customer", str(customer.id))
    only = await boss.get(f"/internal/audit-log?action=customer.block&actor_id={boss.id}&limit=1")
    assert only.body["total"] == 1
    world.passes(86400)
    later = world.clock.now().date().isoformat()
    boss.take(await boss.post("/internal/auth/refresh"))
    assert (await boss.get(f"/internal/audit-log?date_from={later}")).body["total"] == 0


async def test_the_audit_log_cannot_be_rewritten(db: Database, boss: Browser) -> None:
    before = await db.run(everything("audit_log"))

    assert before
    for statement in (
        "delete from audit_log",
        "update audit_log set reason = 'x'",
        "truncate audit_log",
    ):
        with pytest.raises(Exception, match="append-only"):
            await db.run(_statement(statement))
    assert await db.run(everything("audit_log")) == before


async def test_an_operators_row_never_shows_its_hash(db: Database, boss: Browser) -> None:
    (row,) = await db.run(everything("cc_users"))
    listed = await boss.get("/internal/cc-users")

    assert row["password_hash"].startswith("$2b$")
    assert row["password_hash"] not in listed.raw.decode()
    assert msgspec.json.decode(listed.raw)["rows"][0]["email"] == ADMIN[0]


def _statement(text: str) -> Query:
    from aiosql.types import SQLOperationType

    return Query("rewrite", text, SQLOperationType.INSERT_UPDATE_DELETE, ())
