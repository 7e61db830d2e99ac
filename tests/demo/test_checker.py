"""Every kind of broken promise is found, and a kept one is not.

Each test takes a run in which all was well, breaks one thing, and names what the checker
must say. So a rule that stops finding its violation fails here.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from halobestie.demo.checker import violations
from halobestie.demo.evidence import (
    Stored,
    StoredFailure,
    StoredMessage,
    StoredPayment,
    StoredSession,
    Told,
)
from halobestie.demo.history import Ack, History, Role, Sent, Sighting

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

SESSION = StoredSession("s1", "sari", "p1", "completed", last_seq=3)
PAYMENT = StoredPayment(
    "p1", "sari", "consumed", False, None, confirmed=True, expires_at=NOON + timedelta(minutes=20)
)
UNUSED = msgspec.structs.replace(PAYMENT, id="p2", status="confirmed")


def row(seq: int, sender: Role, client_id: str, content: str = "halo") -> StoredMessage:
    return StoredMessage("s1", seq, f"id{seq}", sender, client_id, content)


ROWS = (row(1, "customer", "a"), row(2, "mitra", "b"), row(3, "customer", "c"))


def seen(message: StoredMessage, *, connection: int = 1, resumed: bool = False) -> Sighting:
    return Sighting(
        message.seq,
        message.id,
        message.sender_type,
        message.client_message_id,
        at=float(message.seq),
        connection=connection,
        resumed=resumed,
    )


def memory(role: Role) -> History:
    """What an app remembers of ROWS when nothing went wrong."""
    history = History("s1", role)
    for message in ROWS:
        if message.sender_type == role:
            client_id = message.client_message_id
            history.sent[client_id] = Sent(client_id, message.content, at=0.0)
            history.acks.append(Ack(client_id, message.seq, message.id, at=1.0))
        else:
            history.sightings.append(seen(message))
    return history


def rules(
    *,
    customer: History | None = None,
    mitra: History | None = None,
    confirmed: frozenset[str] = frozenset({"p1"}),
    **stored: object,
) -> list[str]:
    """The names of the rules that were broken."""
    histories = (customer or memory("customer"), mitra or memory("mitra"))
    good: dict[str, object] = {
        "as_of": NOON,
        "messages": ROWS,
        "sessions": (SESSION,),
        "payments": (PAYMENT,),
    }
    found = violations(Told(histories, confirmed), Stored(**{**good, **stored}))  # type: ignore[arg-type]
    return [violation.rule for violation in found]


def test_a_run_in_which_all_was_well_breaks_no_rule() -> None:
    assert rules() == []


def test_an_acknowledged_message_that_is_not_stored_is_found() -> None:
    short = msgspec.structs.replace(SESSION, last_seq=2)
    assert "acked_not_stored" in rules(messages=ROWS[:2], sessions=(short,))


def test_a_message_stored_under_another_number_or_id_than_acknowledged_is_found() -> None:
    other_id = msgspec.structs.replace(ROWS[2], id="other")
    assert "acked_differently" in rules(messages=(*ROWS[:2], other_id))
    swapped = (row(1, "customer", "c"), ROWS[1], row(3, "customer", "a"))
    assert rules(messages=swapped).count("acked_differently") == 2


def test_two_acknowledgements_that_disagree_are_found() -> None:
    customer = memory("customer")
    customer.acks.append(Ack("a", 1, "another", at=2.0))
    assert rules(customer=customer) == ["acked_differently"]


def test_a_message_stored_twice_is_found() -> None:
    again = msgspec.structs.replace(row(4, "customer", "c"), id="id4")
    longer = msgspec.structs.replace(SESSION, last_seq=4)
    assert "stored_twice" in rules(messages=(*ROWS, again), sessions=(longer,))


def test_two_rows_with_one_number_or_one_id_are_found() -> None:
    assert "number_twice" in rules(messages=(*ROWS, row(3, "mitra", "d")))
    same_id = msgspec.structs.replace(row(4, "mitra", "d"), id="id3")
    longer = msgspec.structs.replace(SESSION, last_seq=4)
    assert "number_twice" in rules(messages=(*ROWS, same_id), sessions=(longer,))


def test_the_same_client_message_id_of_both_parties_is_two_messages() -> None:
    rows = (ROWS[0], msgspec.structs.replace(ROWS[1], client_message_id="a"), ROWS[2])
    customer, mitra = memory("customer"), memory("mitra")
    customer.sightings = [seen(rows[1])]
    mitra.sent = {"a": Sent("a", "halo", at=0.0)}
    mitra.acks = [Ack("a", 2, "id2", at=1.0)]
    assert rules(messages=rows, customer=customer, mitra=mitra) == []


def test_a_gap_in_the_numbers_is_found() -> None:
    unseen = memory("customer")
    unseen.sightings.clear()
    silent = memory("mitra")
    silent.acks.clear()
    assert rules(messages=(ROWS[0], ROWS[2]), customer=unseen, mitra=silent) == ["seq_gap"]


def test_a_session_whose_last_seq_is_not_its_last_message_is_found() -> None:
    ahead = msgspec.structs.replace(SESSION, last_seq=4)
    assert rules(sessions=(ahead,)) == ["last_seq_differs"]


def test_a_text_that_was_changed_on_the_way_is_found_and_not_repeated() -> None:
    changed = (msgspec.structs.replace(ROWS[0], content="something secret"), *ROWS[1:])
    told = Told((memory("customer"), memory("mitra")))
    found = violations(told, Stored(NOON, changed, (SESSION,), (PAYMENT,)))
    assert [violation.rule for violation in found] == ["content_changed"]
    assert "secret" not in repr(found) + repr(changed)


def test_an_acknowledgement_of_something_never_written_is_found() -> None:
    customer = memory("customer")
    del customer.sent["a"]
    assert rules(customer=customer) == ["acked_unsent"]


def test_a_message_refused_for_good_and_stored_all_the_same_is_found() -> None:
    customer = memory("customer")
    customer.acks = customer.acks[:1]
    customer.refused["c"] = "session_not_active"
    assert rules(customer=customer) == ["refused_but_stored"]


def test_a_message_that_was_never_answered_may_be_stored_or_not() -> None:
    customer = memory("customer")
    customer.acks = customer.acks[:1]
    assert rules(customer=customer) == []
    mitra = memory("mitra")
    mitra.sightings = mitra.sightings[:1]
    short = msgspec.structs.replace(SESSION, last_seq=2)
    assert rules(customer=customer, mitra=mitra, messages=ROWS[:2], sessions=(short,)) == []


def test_a_message_that_its_peer_never_saw_is_found() -> None:
    mitra = memory("mitra")
    mitra.sightings = mitra.sightings[:1]
    assert rules(mitra=mitra) == ["peer_missed"]


def test_without_the_peers_memory_nothing_is_said_about_what_it_saw() -> None:
    told = Told((memory("customer"),), frozenset({"p1"}))
    assert violations(told, Stored(NOON, ROWS, (SESSION,), (PAYMENT,))) == []


def test_a_message_that_was_delivered_and_is_not_stored_is_found() -> None:
    mitra = memory("mitra")
    mitra.sightings.append(seen(row(4, "customer", "ghost")))
    assert rules(mitra=mitra) == ["seen_not_stored"]


def test_another_message_at_the_same_number_is_found() -> None:
    mitra = memory("mitra")
    mitra.sightings.append(msgspec.structs.replace(seen(ROWS[0]), id="another"))
    assert rules(mitra=mitra) == ["seen_differently"]


def test_the_same_message_again_is_no_violation() -> None:
    mitra = memory("mitra")
    mitra.sightings += [seen(ROWS[0]), seen(ROWS[0], connection=2, resumed=True)]
    assert rules(mitra=mitra) == []


def test_messages_out_of_order_on_a_live_socket_are_found() -> None:
    mitra = memory("mitra")
    mitra.sightings.reverse()
    assert rules(mitra=mitra) == ["out_of_order", "skipped"]


def test_a_message_left_out_on_a_live_socket_is_found_though_a_later_resume_brings_it() -> None:
    mitra = memory("mitra")
    mitra.sightings = [seen(ROWS[2]), seen(ROWS[0], connection=2, resumed=True)]
    assert rules(mitra=mitra) == ["skipped"]


def test_a_replay_may_bring_older_messages_after_newer_ones() -> None:
    mitra = memory("mitra")
    mitra.baselines = {2: 2}
    mitra.sightings = [
        seen(ROWS[2], connection=2, resumed=True),
        seen(ROWS[0], connection=2, resumed=True),
    ]
    assert rules(mitra=mitra) == []


def test_what_was_written_before_hello_need_not_come_by_itself() -> None:
    mitra = memory("mitra")
    mitra.baselines = {2: 1}
    mitra.sightings = [seen(ROWS[2], connection=2), seen(ROWS[0], connection=3, resumed=True)]
    assert rules(mitra=mitra) == []


def test_a_session_that_an_app_was_told_of_and_that_is_not_stored_is_found() -> None:
    assert "session_lost" in rules(sessions=())


def stored_payment(**changes: object) -> StoredPayment:
    return msgspec.structs.replace(PAYMENT, **changes)


BROKEN_MONEY: list[tuple[str, dict[str, object]]] = [
    ("payment_lost", {"confirmed": frozenset({"p1", "p9"})}),
    (
        "confirmation_lost",
        {
            "confirmed": frozenset({"p1", "p2"}),
            "payments": (PAYMENT, stored_payment(id="p2", status="pending", confirmed=False)),
        },
    ),
    ("consumed_by_nothing", {"payments": (PAYMENT, stored_payment(id="p2"))}),
    (
        "consumed_by_nothing",
        {"payments": (PAYMENT, stored_payment(id="p2", is_extension=True, session_id="s9"))},
    ),
    ("failed_unlisted", {"payments": (PAYMENT, stored_payment(id="p2", status="failed_pairing"))}),
    ("confirmed_and_forgotten", {"payments": (PAYMENT, stored_payment(id="p2", status="expired"))}),
    ("confirmed_unexplained", {"payments": (PAYMENT, UNUSED)}),
    (
        "confirmed_past_its_end",
        {
            "payments": (PAYMENT, stored_payment(id="p2", status="confirmed", expires_at=NOON)),
            "searching": frozenset({"p2"}),
            "as_of": NOON + timedelta(minutes=5),
        },
    ),
    ("session_unpaid", {"payments": (stored_payment(status="confirmed"),)}),
    ("session_unpaid", {"payments": (), "confirmed": frozenset()}),
    (
        "paid_once_used_twice",
        {"sessions": (SESSION, StoredSession("s2", "sari", "p1", "completed", 0))},
    ),
    (
        "two_sessions_at_once",
        {
            "payments": (PAYMENT, stored_payment(id="p2")),
            "sessions": (
                msgspec.structs.replace(SESSION, status="active"),
                StoredSession("s2", "sari", "p2", "expired", 0),
            ),
        },
    ),
]


@pytest.mark.parametrize(("rule", "change"), BROKEN_MONEY)
def test_money_that_is_neither_delivered_nor_explained_is_found(
    rule: str, change: dict[str, object]
) -> None:
    assert rule in rules(**change)  # type: ignore[arg-type]


EXPLAINED: list[Callable[[], dict[str, object]]] = [
    lambda: {"payments": (PAYMENT, UNUSED), "searching": frozenset({"p2"})},
    lambda: {
        "payments": (PAYMENT, UNUSED),
        "failures": (StoredFailure("p2", "no_mitra_available", False),),
    },
    lambda: {
        "payments": (PAYMENT, UNUSED),
        "sessions": (msgspec.structs.replace(SESSION, status="active"),),
    },
    lambda: {
        "payments": (PAYMENT, stored_payment(id="p2", status="failed_pairing")),
        "failures": (StoredFailure("p2", "customer_cancelled", True),),
    },
    lambda: {
        "payments": (PAYMENT, stored_payment(id="p2", is_extension=True, session_id="s1")),
    },
    lambda: {
        "payments": (PAYMENT, stored_payment(id="p2", status="expired", confirmed=False)),
    },
]


@pytest.mark.parametrize("explanation", EXPLAINED)
def test_money_that_is_explained_is_left_alone(
    explanation: Callable[[], dict[str, object]],
) -> None:
    assert rules(**explanation()) == []  # type: ignore[arg-type]
