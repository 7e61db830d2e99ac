"""The rules of a session against a model of the contract's own words.

The model knows no courses and no deadlines of its own: it keeps what the contract speaks
of, and after each step the two must agree.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from halobestie.chat import rules
from halobestie.chat.messages import DefaultAction, Refusal
from halobestie.chat.rules import Course, Extension
from halobestie.ids import new_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DECISION, GRACE = 300, 300

seconds = st.integers(0, 1800)
minutes = st.integers(1, 60)
actions: st.SearchStrategy[DefaultAction] = st.sampled_from(["auto_approve", "auto_reject"])


class Sessions(RuleBasedStateMachine):
    """One session, all its life. Whatever falls due is heeded in the order of its time, as
    the actor does, but as late as Hypothesis likes."""

    @initialize(paid=minutes)
    def begins(self, paid: int) -> None:
        self.now = NOON
        self.course = Course(
            status="active",
            duration_minutes=paid,
            ends_at=NOON + timedelta(minutes=paid),
            warned_for=None,
            decision_deadline=None,
            grace_deadline=None,
        )
        # the model
        self.paid = paid
        self.ends_at = self.course.ends_at
        self.pending: Extension | None = None
        self.stage = "active"
        self.warnings: list[datetime] = []
        self.left: set[str] = set()

    # time

    @rule(passed=seconds, is_there=st.booleans())
    def time_passes(self, passed: int, is_there: bool) -> None:
        self.now += timedelta(seconds=passed)
        for _ in range(10):
            due = rules.deadlines(self.course, self.now)
            name, at = min(due.items(), key=lambda one: one[1], default=(None, self.now))
            if name is None or at > self.now:
                return
            match name:
                case "warn":
                    assert self.stage == "active"
                    assert self.now < self.ends_at, "the warning of a session already over"
                    self.warnings.append(self.ends_at)
                    self.course = replace(self.course, warned_for=self.course.ends_at)
                case "end":
                    assert (self.stage, at) == ("active", self.ends_at)
                    self.course = rules.time_up(self.course, DECISION)
                    self.stage = "expired"
                case "extension":
                    self.silence(is_there, at)
                case "decision":
                    assert self.stage == "expired"
                    assert self.pending is None, "no decision runs while one is pending"
                    assert at == self.ends_at + timedelta(seconds=DECISION)
                    self.course = rules.completed(self.course)
                    self.stage = "completed"
                case "grace":
                    assert self.stage == "closing"
                    self.course = rules.completed(self.course)
                    self.stage = "completed"
        raise AssertionError("what is due never ends")

    def silence(self, is_there: bool, at: datetime) -> None:
        assert self.pending is not None
        resolution = rules.at_silence(self.pending.default_action, mitra_is_there=is_there)
        sells = is_there and self.pending.default_action == "auto_approve"
        assert resolution.is_approved == sells
        if sells:
            self.approve()
        else:
            wanted = "extension_timeout" if is_there else "extension_mitra_offline"
            assert resolution.cause == wanted
            self.reject(at)

    # what people do

    @rule(more=minutes, default=actions, wait=st.integers(3, 300))
    def asks_for_more(self, more: int, default: DefaultAction, wait: int) -> None:
        refusal = rules.may_request(self.course)
        if self.stage in ("closing", "completed"):
            assert refusal == Refusal("session_not_extendable")
        elif self.pending is not None:
            assert refusal == Refusal("extension_pending")
        else:
            assert refusal is None
            self.pending = Extension(
                id=new_id(),
                payment_request_id=new_id(),
                duration_minutes=more,
                default_action=default,
                expires_at=self.now + timedelta(seconds=wait),
            )
            self.course = rules.requested(self.course, self.pending)

    @precondition(lambda self: self.pending is not None)
    @rule()
    def mitra_gives(self) -> None:
        self.approve()

    @precondition(lambda self: self.pending is not None)
    @rule()
    def mitra_refuses(self) -> None:
        self.reject(self.now)

    @rule(may=st.booleans())
    def customer_ends(self, may: bool) -> None:
        refusal = rules.may_end(self.course, "customer", customer_may=may, mitra_may=not may)
        if self.stage in ("closing", "completed"):
            assert refusal == Refusal("session_not_active")
        elif self.stage == "active" and not may:
            assert refusal == Refusal("early_end_disabled")
        else:
            assert refusal is None
            self.close()

    @precondition(lambda self: self.stage == "closing")
    @rule(who=st.sampled_from(["customer", "mitra"]))
    def parts(self, who: str) -> None:
        self.left.add(who)
        if len(self.left) == 2:
            self.course = rules.completed(self.course)
            self.stage = "completed"

    # the model's own steps

    def approve(self) -> None:
        assert self.pending is not None
        self.course = rules.approved(self.course, self.now)
        self.paid += self.pending.duration_minutes
        more = timedelta(minutes=self.pending.duration_minutes)
        self.ends_at = max(self.now, self.ends_at) + more
        self.pending, self.stage = None, "active"

    def reject(self, as_of: datetime) -> None:
        assert self.pending is not None
        as_of = min(as_of, self.pending.expires_at)
        self.course = rules.rejected(self.course, self.now, GRACE)
        self.pending = None
        if not (self.stage == "active" and as_of < self.ends_at):
            self.stage = "closing"

    def close(self) -> None:
        self.course = rules.closed(self.course, self.now, GRACE)
        self.pending, self.stage = None, "closing"

    # what holds always

    @invariant()
    def they_agree(self) -> None:
        course = self.course
        assert course.status == self.stage
        assert course.ends_at == self.ends_at
        assert course.duration_minutes == self.paid
        assert course.extension == self.pending
        assert (course.grace_deadline is not None) == (self.stage == "closing")
        decides = self.stage == "expired" and self.pending is None
        assert (course.decision_deadline is not None) == decides
        left = rules.remaining_seconds(course.status, course.ends_at, self.now)
        assert (left > 0) <= (self.stage == "active")

    @invariant()
    def one_warning_per_run_down(self) -> None:
        assert len(set(self.warnings)) == len(self.warnings)

    @invariant()
    def something_is_always_due_until_it_is_over(self) -> None:
        due = rules.deadlines(self.course, self.now)
        assert bool(due) == (self.stage != "completed")


def replace(course: Course, **fields: object) -> Course:
    return Course(**{**{f: getattr(course, f) for f in course.__struct_fields__}, **fields})


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, derandomize=True
)


def test_ticks_come_every_half_minute_on_the_last_minute_and_then_every_five_seconds() -> None:
    ends_at = NOON + timedelta(seconds=100)
    at, ticks = NOON, []
    while at < ends_at:
        at += timedelta(seconds=rules.next_tick(ends_at, at))
        ticks.append(round((ends_at - at).total_seconds()))
    assert ticks == [70, 60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0]
