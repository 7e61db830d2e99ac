"""§9: what operators and ops can see and do."""

from typing import Any

import pytest
import trio

from . import shapes
from .people import Caller, Town, answers, fields_of
from .shapes import null

NO_ID = "00000000-0000-7000-8000-000000000000"
DASHBOARD = {
    "mitras": {"online": shapes.count, "available": shapes.count, "total": shapes.count},
    "sessions": {
        "active": shapes.count,
        "extension_pending": shapes.count,
        "expired": shapes.count,
        "closing": shapes.count,
        "completed_today": shapes.count,
    },
    "pairings": {
        "searching": shapes.count,
        "paired_today": shapes.count,
        "failed_today": shapes.count,
        "median_seconds_to_pair_today": null(shapes.number),
    },
    "payments": {"confirmed_today": shapes.count, "revenue_today": shapes.count},
    "failures_by_cause_today": shapes.mapping,
    "series": {"sessions_per_hour": [{"hour": shapes.anything, "count": shapes.count}]},
    "nodes": [shapes.anything],
}
LOG = {
    "rows": [
        {
            "mitra_id": shapes.uuid,
            "display_name": shapes.text,
            "is_online": shapes.boolean,
            "reason": shapes.text,
            "at": shapes.time,
        }
    ],
    "total": shapes.count,
}
FAILED = {
    "id": shapes.uuid,
    "payment_request_id": shapes.uuid,
    "customer": shapes.mapping,
    "targeted_mitra": null(shapes.mapping),
    "cause_tag": shapes.text,
    "is_terminal": shapes.boolean,
    "amount": shapes.count,
    "operator_action": null({"refunded", "credited", "no_action"}),
    "actioned_by": shapes.anything,
    "actioned_at": null(shapes.time),
    "created_at": shapes.time,
}
ACTOR: dict[str, Any] = {
    "path": shapes.text,
    "name": shapes.text,
    "kind": shapes.text,
    "state": shapes.text,
    "mailbox": {"depth": shapes.count, "capacity": shapes.count, "high_water": shapes.count},
    "processed": shapes.count,
    "restarts": shapes.count,
    "last_error": shapes.anything,
    "started_at": null(shapes.time),
    "busy_with": null(shapes.text),
    "busy_seconds": null(shapes.number),
    "deadlines": [{"name": shapes.text, "due_at": shapes.time, "in_seconds": shapes.number}],
    "info": shapes.mapping,
}
ACTOR["children"] = [ACTOR]
TREE = {
    "node": shapes.text,
    "at": shapes.time,
    "actors": shapes.anything,
    "totals": {
        "actors": shapes.count,
        "messages": shapes.count,
        "dead_letters": shapes.anything,
        "restarts": shapes.count,
    },
}


def paths(actors: Any) -> list[str]:
    found: list[str] = []
    for actor in actors if isinstance(actors, list) else [actors]:
        found += [actor["path"], *paths(actor["children"])]
    return found


async def test_the_dashboard_counts(town: Town) -> None:
    before = await town.admin.gets("/internal/dashboard", shape=DASHBOARD)
    assert len(before["series"]["sessions_per_hour"]) == 24
    await town.chatting()
    with trio.fail_after(5):
        while True:
            after = await town.admin.gets("/internal/dashboard", shape=DASHBOARD)
            if after["sessions"]["active"] == before["sessions"]["active"] + 1:
                break
            await trio.sleep(0.05)
    assert after["payments"]["revenue_today"] >= before["payments"]["revenue_today"] + 15000
    assert after["pairings"]["paired_today"] > before["pairings"]["paired_today"]


async def test_a_mitra_is_made_found_changed_and_put_out(town: Town) -> None:
    phone = town.phone()
    made = await town.hires("Bestie Unik", phone)
    assert shapes.uuid(made["id"])
    again = {"phone": "0" + phone[3:], "display_name": "x"}
    await town.admin.posts("/internal/mitras", again, 409, "phone_taken")
    bad = {"phone": "12", "display_name": ""}
    problem = await town.admin.posts("/internal/mitras", bad, 422, "validation_failed")
    assert fields_of(problem) <= {"phone", "display_name"}
    found = await town.admin.gets("/internal/mitras?query=unik&is_online=false")
    assert made["id"] in {row["id"] for row in found["rows"]}
    none = await town.admin.gets("/internal/mitras?query=unik&is_online=true")
    assert made["id"] not in {row["id"] for row in none["rows"]}
    path = f"/internal/mitras/{made['id']}"
    assert (await town.admin.gets(path))["display_name"] == "Bestie Unik"
    changed = await town.admin.patches(path, {"display_name": "Bestie Lain"})
    assert changed["display_name"] == "Bestie Lain"
    await town.admin.gets(f"/internal/mitras/{NO_ID}", 404, "not_found")
    await town.admin.patches(f"/internal/mitras/{NO_ID}", {"is_active": False}, 404, "not_found")


async def test_a_deactivated_mitra_is_put_out_and_sessions_are_flagged(town: Town) -> None:
    _, mitra, session = await town.chatting()
    socket = await mitra.connects()
    path = f"/internal/mitras/{mitra.id}"
    assert (await town.admin.patches(path, {"is_active": False}))["is_active"] is False
    assert await socket.is_closed() == 4403
    with trio.fail_after(1.5):
        while (await mitra.calls("GET", "/api/mitra/status")).status_code != 401:  # noqa: ASYNC110
            await trio.sleep(0.02)
    page = await town.admin.gets(f"/internal/mitra-online-logs?mitra_id={mitra.id}", shape=LOG)
    assert (page["rows"][0]["is_online"], page["rows"][0]["reason"]) == (False, "deactivated")
    page = await town.admin.gets(f"/internal/sessions?mitra_id={mitra.id}")
    assert [(row["id"], row["status"]) for row in page["rows"]] == [(session["id"], "active")]
    assert page["rows"][0]["needs_reroute"] is True


async def test_an_operator_puts_a_mitra_offline(town: Town) -> None:
    mitra = await town.mitra()
    socket = await mitra.connects()
    await town.admin.posts(f"/internal/mitras/{mitra.id}/offline")
    await socket.hears("presence", is_online=False, reason="operator")
    page = await town.admin.gets(f"/internal/mitra-online-logs?mitra_id={mitra.id}", shape=LOG)
    assert page["rows"][0]["reason"] == "operator"
    await town.admin.posts(f"/internal/mitras/{NO_ID}/offline", None, 404, "not_found")


async def test_customers_are_found_and_shown(town: Town) -> None:
    customer = await town.registered(name="Kenanga Langka")
    page = await town.admin.gets("/internal/customers?query=langka")
    assert [row["id"] for row in page["rows"]] == [customer.id]
    one = await town.admin.gets(f"/internal/customers/{customer.id}")
    assert one["display_name"] == "Kenanga Langka"
    await town.admin.gets(f"/internal/customers/{NO_ID}", 404, "not_found")


async def test_sessions_are_listed_and_one_is_shown_with_its_timeline(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    for query in (
        f"mitra_id={mitra.id}",
        f"customer_id={customer.id}",
        f"status=active&customer_id={customer.id}",
    ):
        page = await town.admin.gets(f"/internal/sessions?{query}")
        assert [row["id"] for row in page["rows"]] == [session["id"]]
        assert page["total"] == 1
    past = f"/internal/sessions?customer_id={customer.id}&date_to=2020-01-01"
    assert (await town.admin.gets(past))["rows"] == []
    for bad in ("status=nope", "mitra_id=x", "date_from=yesterday"):
        await town.admin.gets(f"/internal/sessions?{bad}", 422, "validation_failed")
    shown = await town.admin.gets(f"/internal/sessions/{session['id']}")
    assert "halo rahasia" not in str(shown)
    assert any(isinstance(value, list) and value for value in shown.values()), "a timeline"
    await town.admin.gets(f"/internal/sessions/{NO_ID}", 404, "not_found")


async def test_a_transcript_is_read_by_admins_with_a_reason_and_audited(town: Town) -> None:
    customer, _, session = await town.chatting()
    body = {"client_message_id": "1", "content": "halo rahasia"}
    await customer.posts(f"/api/shared/chat-sessions/{session['id']}/messages", body, 201)
    path = f"/internal/sessions/{session['id']}/messages"
    problem = await town.admin.gets(path, 422, "validation_failed")
    assert fields_of(problem) == {"reason"}
    read = await town.admin.gets(f"{path}?reason=complaint+42")
    assert "halo rahasia" in str(read)
    audit = await town.admin.gets("/internal/audit-log?limit=50")
    assert any("complaint 42" in str(row) and session["id"] in str(row) for row in audit["rows"])
    operator = await an_operator(town)
    await operator.gets(f"{path}?reason=x", 403, "forbidden")


async def an_operator(town: Town) -> Caller:
    email, password = f"o{town.phone()[1:]}@contract.test", "a long enough password"
    body = {"email": email, "display_name": "O", "role": "operator", "password": password}
    answer = await town.admin.calls("POST", "/internal/cc-users", body)
    assert answer.status_code in {200, 201}, answer.text
    login = {"email": email, "password": password}
    token = (await town.outsider.posts("/internal/auth/login", login))["access_token"]
    return Caller(town.internal, token)


async def test_a_session_is_rerouted(town: Town) -> None:
    customer, old, session = await town.chatting()
    new = await town.mitra("Bestie Baru")
    customers, olds, news = (await customer.connects(), await old.connects(), await new.connects())
    path = f"/internal/sessions/{session['id']}/reroute"
    offline = await town.mitra(online=False)
    await town.admin.posts(path, {"mitra_id": offline.id}, 409, "mitra_unavailable")
    await town.admin.posts(path, {"mitra_id": "x"}, 422, "validation_failed")
    await town.admin.posts(path, {"mitra_id": new.id})
    for socket in (customers, news):
        told = await socket.hears("session_rerouted", session_id=session["id"])
        assert told["mitra"]["id"] == new.id
        assert told["session"]["id"] == session["id"]
    assert not (await olds.hears("session_rerouted")).get("session")
    seen = await customer.session(session["id"])
    assert seen["mitra"]["id"] == new.id
    assert seen["ends_at"] == session["ends_at"]
    await old.gets(f"/api/shared/chat-sessions/{session['id']}", 404, "not_found")
    await new.session(session["id"])


async def test_a_session_is_ended_by_an_operator(town: Town) -> None:
    customer, mitra, session = await town.chatting()
    customers, mitras = await customer.connects(), await mitra.connects()
    path = f"/internal/sessions/{session['id']}/end"
    await town.admin.posts(path, {}, 422, "validation_failed")
    await town.admin.posts(path, {"reason": "complaint"})
    for socket in (customers, mitras):
        await socket.hears("session_closing", session_id=session["id"], ended_by="operator")
    await town.admin.posts(f"/internal/sessions/{NO_ID}/end", {"reason": "x"}, 404, "not_found")


async def test_a_pairing_is_explained(town: Town) -> None:
    customer, mitra = await town.customer(), await town.mitra()
    payment = await customer.pays(targeted_mitra_id=mitra.id)
    pairing = await town.pairing_of(customer, payment["id"])
    await mitra.posts(f"/api/mitra/chat-requests/{pairing['id']}/decline")
    page = await town.admin.gets("/internal/pairings?limit=200")
    assert pairing["id"] in {row["id"] for row in page["rows"]}
    shown = await town.admin.gets(f"/internal/pairings/{pairing['id']}")
    assert mitra.id in str(shown)
    assert "declined" in str(shown)
    await town.admin.gets("/internal/pairings?status=nope", 422, "validation_failed")
    await town.admin.gets(f"/internal/pairings/{NO_ID}", 404, "not_found")


async def test_a_failed_pairing_is_listed_and_actioned_once(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    payment = await customer.pays()
    body = {"payment_request_id": payment["id"]}
    await customer.posts("/api/client/chat-requests/cancel", body)
    query = "/internal/failed-pairings?cause_tags=customer_cancelled,no_mitra_available&limit=200"
    page = await town.admin.gets(query, shape={"rows": [FAILED], "total": shapes.count})
    row = next(row for row in page["rows"] if row["payment_request_id"] == payment["id"])
    assert (row["amount"], row["operator_action"], row["is_terminal"]) == (15000, None, True)
    path = f"/internal/failed-pairings/{row['id']}/action"
    await town.admin.posts(path, {"action": "nope"}, 422, "validation_failed")
    done = await town.admin.posts(path, {"action": "refunded"}, shape=FAILED)
    assert done["operator_action"] == "refunded"
    assert done["actioned_by"]
    await town.admin.posts(path, {"action": "credited"}, 409, "already_actioned")
    left = await town.admin.gets(f"{query}&unactioned=true")
    assert row["id"] not in {each["id"] for each in left["rows"]}
    await town.admin.gets("/internal/failed-pairings?cause_tags=nope", 422, "validation_failed")
    missing = f"/internal/failed-pairings/{NO_ID}/action"
    await town.admin.posts(missing, {"action": "refunded"}, 404, "not_found")


async def test_payments_are_listed(town: Town) -> None:
    customer = await town.customer()
    payment = await customer.buys()
    page = await town.admin.gets("/internal/payment-requests?status=pending&limit=200")
    assert payment["id"] in {row["id"] for row in page["rows"]}


async def test_operators_are_made_and_changed_by_admins(town: Town) -> None:
    operator = await an_operator(town)
    page = await town.admin.gets("/internal/cc-users?limit=200")
    assert "password" not in str(page).replace("password_changed_at", "")
    await operator.gets("/internal/cc-users", 403, "forbidden")
    bad = {"email": "no", "display_name": "", "role": "king", "password": "short"}
    problem = await town.admin.posts("/internal/cc-users", bad, 422, "validation_failed")
    assert fields_of(problem) <= {"email", "display_name", "role", "password"}
    row = page["rows"][0]
    answer = await town.admin.calls(
        "PATCH", f"/internal/cc-users/{row['id']}", {"display_name": "Nama Baru"}
    )
    assert answers(answer, 200)["display_name"] == "Nama Baru"


async def test_changes_are_audited_with_old_and_new_value(town: Town) -> None:
    await town.knobs(max_customers_per_mitra=7)
    audit = await town.admin.gets("/internal/audit-log?limit=20")
    assert any("max_customers_per_mitra" in str(row) and "7" in str(row) for row in audit["rows"])


async def test_the_live_tree_shows_everything_alive(town: Town) -> None:
    _, _, session = await town.chatting()
    tree = await town.admin.gets("/internal/debug/actors", shape=TREE)
    for actor in tree["actors"] if isinstance(tree["actors"], list) else [tree["actors"]]:
        shapes.fits(actor, ACTOR)
    mine = next(path for path in paths(tree["actors"]) if session["id"] in path)
    one = await town.admin.gets(f"/internal/debug/actors?path={mine}", shape=TREE)
    assert paths(one["actors"])[0].endswith(mine) or mine in paths(one["actors"])
    flat = await town.admin.gets("/internal/debug/actors?depth=1", shape=TREE)
    assert len(paths(flat["actors"])) < len(paths(tree["actors"]))
    for bad in ("depth=x",):
        await town.admin.gets(f"/internal/debug/actors?{bad}", 422, "validation_failed")
    await town.admin.gets("/internal/debug/actors?path=nowhere/at/all", 404, "not_found")


async def test_metrics_need_no_token(town: Town) -> None:
    answer = await town.outsider.calls("GET", "/internal/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "# TYPE" in answer.text


@pytest.mark.parametrize("listener", ["public", "internal"])
async def test_each_listener_describes_itself(town: Town, listener: str) -> None:
    caller, path = {
        "public": (town.nobody, "/api/shared/openapi.json"),
        "internal": (town.outsider, "/internal/openapi.json"),
    }[listener]
    document = await caller.gets(path)
    assert document["openapi"].startswith("3.1")
    prefixes = ("/api/", "/healthz", "/readyz") if listener == "public" else ("/",)
    assert all(path.startswith(prefixes) for path in document["paths"])


async def test_the_control_centers_page_is_at_the_root_of_the_internal_listener(
    town: Town,
) -> None:
    answer = await town.outsider.calls("GET", "/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "script-src" in answer.headers["Content-Security-Policy"]
