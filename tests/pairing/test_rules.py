"""The decisions of a search, by themselves and over any course of events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from halobestie.pairing import rules
from halobestie.pairing.rows import Offers
from halobestie.pairing.rules import Failure, Fate
from halobestie.presence.messages import SessionMoved
from halobestie.presence.slots import RESERVATION_LIVES, Slots

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MITRAS = [UUID(int=n) for n in range(1, 7)]

ANSWERS = ["declined", "offline", "at_capacity"]


def test_a_search_never_outlives_its_payment() -> None:
    soon, late = NOON + timedelta(minutes=1), NOON + timedelta(hours=1)
    assert rules.window_end(NOON, 300, late) == NOON + timedelta(seconds=300)
    assert rules.window_end(NOON, 300, soon) == soon
    terminal = Failure("payment_session_expired", is_terminal=True)
    assert rules.at_window_end("blast", soon, soon) == terminal
    assert rules.at_window_end("returning", soon, late) == Failure("targeted_mitra_timeout")
    assert rules.at_window_end("blast", soon, late) == Failure("no_mitra_available")


@pytest.mark.parametrize(
    ("fates", "cause"),
    [
        ([], None),
        ([None, "declined"], None),
        (["declined", "declined"], "all_mitras_rejected"),
        (["declined", "offline", "at_capacity"], "all_mitras_rejected"),
        (["offline", "at_capacity"], None),
    ],
)
def test_a_blast_ends_when_nobody_is_left_and_somebody_declined(
    fates: list[Fate | None], cause: str | None
) -> None:
    failure = rules.after_answer("blast", fates)
    assert (failure and failure.cause) == cause


@pytest.mark.parametrize(
    ("fate", "cause"),
    [
        (None, None),
        ("declined", "targeted_mitra_rejected"),
        ("offline", "targeted_mitra_offline"),
        ("at_capacity", "targeted_mitra_offline"),
    ],
)
def test_a_search_for_one_mitra_ends_with_that_mitra(fate: Fate | None, cause: str | None) -> None:
    failure = rules.after_answer("returning", [fate])
    assert (failure and failure.cause) == cause


class AnyCourseOfOffers(RuleBasedStateMachine):
    """Mitras come, are asked, decline, leave and come back, in any order."""

    @initialize()
    def begin(self) -> None:
        self.offers = Offers()
        self.free: set[UUID] = set()
        self.declined: set[UUID] = set()
        self.failure: Failure | None = None

    @rule(mitra=st.sampled_from(MITRAS))
    def comes(self, mitra: UUID) -> None:
        self.free.add(mitra)

    @rule()
    def asks(self) -> None:
        if self.failure is None:
            asked = rules.to_ask(self.offers.asked, self.free)
            assert not self.declined & set(asked)
            assert not set(self.offers.open) & set(asked)
            self.offers.ask(asked)

    @rule(
        mitra=st.sampled_from(MITRAS), fate=st.sampled_from(["declined", "offline", "at_capacity"])
    )
    def answers(self, mitra: UUID, fate: Fate) -> None:
        if self.failure is not None or mitra not in self.offers.open:
            return
        self.offers.asked[mitra] = fate
        if fate == "declined":
            self.declined.add(mitra)
        else:
            self.free.discard(mitra)
        self.failure = rules.after_answer("blast", self.offers.asked.values())

    @invariant()
    def it_goes_on_while_somebody_may_answer_and_ends_when_all_have_declined(self) -> None:
        if self.offers.open:
            assert self.failure is None
        elif self.declined:
            assert self.failure == Failure("all_mitras_rejected")
        else:
            assert self.failure is None

    @invariant()
    def every_fate_has_a_word_for_operators(self) -> None:
        for fate in self.offers.asked.values():
            assert rules.response(fate, "searching") in {
                "waiting", "declined", "offline", "at_capacity"
            }  # fmt: skip
            assert rules.response(fate, "paired") != "waiting"


class AnyCourseOfSlots(RuleBasedStateMachine):
    """Accepts, sessions, failures and knobs in any order: never more than the capacity let
    in, nothing leaks."""

    pairings = Bundle("pairings")
    sessions = Bundle("sessions")

    @initialize(capacity=st.integers(0, 3))
    def begin(self, capacity: int) -> None:
        self.slots = Slots()
        self.capacity = capacity
        self.now = NOON
        self.numbers = 100

    def _id(self) -> UUID:
        self.numbers += 1
        return UUID(int=self.numbers)

    @rule(target=pairings)
    def reserves(self) -> UUID:
        pairing = self._id()
        before = len(self.slots.running) + len(self.slots.reserved)
        held = self.slots.reserve(pairing, self.capacity, self.now)
        assert held == (before < self.capacity)
        assert self.slots.reserve(pairing, self.capacity, self.now) == held
        return pairing

    @rule(target=sessions, pairing=pairings)
    def becomes_a_session(self, pairing: UUID) -> UUID:
        session = self._id()
        if pairing in self.slots.reserved:
            self.slots.moved(SessionMoved(session, "active", pairing))
            self.slots.moved(SessionMoved(session, "active", pairing))  # told twice
        return session

    @rule(pairing=pairings)
    def is_released(self, pairing: UUID) -> None:
        self.slots.release(pairing)
        assert pairing not in self.slots.reserved

    @rule(session=sessions, status=st.sampled_from(["expired", "closing", "completed"]))
    def moves(self, session: UUID, status: str) -> None:
        if session in self.slots.running | self.slots.closing:
            self.slots.moved(SessionMoved(session, status))  # type: ignore[arg-type]
            assert (session in self.slots.running) == (status == "expired")

    @rule(capacity=st.integers(0, 3))
    def knob(self, capacity: int) -> None:
        self.capacity = capacity

    @rule(seconds=st.integers(1, 20))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        over = self.slots.next_drop
        if over is not None and over <= self.now:
            self.slots.drop_old(self.now)
        assert all(self.now < since + RESERVATION_LIVES for since in self.slots.reserved.values())

    @invariant()
    def what_is_free_is_what_is_not_taken(self) -> None:
        taken = len(self.slots.running) + len(self.slots.reserved)
        assert self.slots.free(self.capacity) == max(0, self.capacity - taken)
        assert self.slots.is_full(self.capacity) == (len(self.slots.running) >= self.capacity)


TestAnyCourseOfOffers = AnyCourseOfOffers.TestCase
TestAnyCourseOfSlots = AnyCourseOfSlots.TestCase
