"""What a session's states look like from outside: frames for who is there, pushes for who
is not, and the SESSION that each party sees. Called after the commit; holds no state."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

from actors import Clock
from halobestie.knobs.messages import CurrentKnobs
from halobestie.presence.messages import Present
from halobestie.push.messages import Owed, PushType

from . import rules
from .frames import SessionFrames, user_of
from .letters import Letters
from .messages import (
    Bestie,
    ClosingMessage,
    Completion,
    EndedBy,
    ExtensionStatus,
    ExtensionView,
    Party,
    SessionView,
    other,
)
from .notices import (
    ClosingFrame,
    ClosingMessageFrame,
    CompletedFrame,
    ExpiredFrame,
    ExtensionRequestedFrame,
    ExtensionResolvedFrame,
    PairedFrame,
    ReroutedFrame,
    ResumedFrame,
    StartedFrame,
    TickFrame,
    WarningFrame,
)
from .store import PUSH_LIFE, Loaded, SessionRow
from .told import Told
from .views import view


class Announcer:
    def __init__(
        self,
        frames: SessionFrames,
        letters: Letters,
        closing: dict[Party, ClosingMessage],
        knobs: CurrentKnobs,
        board: Present,
        clock: Clock,
    ) -> None:
        self._frames = frames
        self._letters = letters
        self.last_words = closing
        self._knobs = knobs
        self._board = board
        self._clock = clock

    # what each party sees

    def view(self, row: SessionRow, party: Party) -> SessionView:
        """The contract's SESSION."""
        return view(
            row,
            self._letters,
            tuple(self.last_words.values()),
            party,
            remaining_seconds=self._remaining(row),
            mitra_is_online=row.mitra_id in self._board.online,
            mitra_sees_name=self._knobs.current.mitra_sees_customer_name,
        )

    def _remaining(self, row: SessionRow) -> int:
        return rules.remaining_seconds(row.status, row.ends_at, self._clock.now())

    # frames

    def begun(self, row: SessionRow) -> None:
        """The session is there."""
        self._frames.to(row.mitra_id, StartedFrame(self.view(row, "mitra")))
        paired = PairedFrame(row.payment_request_id, self.view(row, "customer"))
        self._frames.to(row.customer_id, paired)

    def tick(self, row: SessionRow) -> None:
        self._frames.to_both(row, TickFrame(row.id, self._remaining(row)))

    def warning(self, row: SessionRow) -> None:
        self._frames.to_both(row, WarningFrame(row.id, self._remaining(row)))

    def expired(self, row: SessionRow) -> None:
        self._frames.to_both(row, ExpiredFrame(row.id, row.decision_deadline))

    def extension_requested(self, row: SessionRow) -> ExtensionView:
        """Ask the mitra; what the customer is answered."""
        pending = row.extension
        assert pending is not None, "it was just requested"
        left = max(0, round(self._clock.seconds_until(pending.expires_at)))
        frame = ExtensionRequestedFrame(
            session_id=row.id,
            extension_id=pending.id,
            duration_minutes=pending.duration_minutes,
            expires_at=pending.expires_at,
            timeout_seconds=left,
            default_action=pending.default_action,
        )
        self._frames.to(row.mitra_id, frame)
        return ExtensionView(pending.id, "pending", pending.duration_minutes, pending.expires_at)

    def extension_resolved(
        self, row: SessionRow, extension_id: UUID, outcome: ExtensionStatus, reason: str | None
    ) -> None:
        frame = ExtensionResolvedFrame(row.id, extension_id, outcome, reason)
        self._frames.to_both(row, frame)

    def resumed(self, row: SessionRow) -> None:
        """There is time again."""
        self._frames.to_both(row, ResumedFrame(row.id, row.ends_at, self._remaining(row)))
        self.tick(row)

    def closing(self, row: SessionRow, ended_by: EndedBy) -> None:
        assert row.grace_deadline is not None, "closing has one"
        self._frames.to_both(row, ClosingFrame(row.id, row.grace_deadline, ended_by))

    def closing_message(self, row: SessionRow, left: ClosingMessage) -> None:
        """To the other party, unless it was a skip."""
        if left.content is not None:
            frame = ClosingMessageFrame(row.id, left.sender_type, left.content)
            self._frames.to(user_of(row, other(left.sender_type)), frame)

    def completed(self, row: SessionRow, reason: Completion) -> None:
        self._frames.to_both(row, CompletedFrame(row.id, reason))

    def rerouted(self, row: SessionRow, old_mitra_id: UUID) -> None:
        """Tell all three; what the session is, only those whose it is."""
        mitra = Bestie(row.mitra_id, row.mitra_name, row.mitra_id in self._board.online)
        self._frames.to(old_mitra_id, ReroutedFrame(row.id, mitra))
        for_customer = ReroutedFrame(row.id, mitra, self.view(row, "customer"))
        self._frames.to(row.customer_id, for_customer)
        self._frames.to(row.mitra_id, ReroutedFrame(row.id, mitra, self.view(row, "mitra")))

    def caught_up(
        self, loaded: Loaded, told: Told, resolved: tuple[ExtensionView, str | None] | None
    ) -> None:
        """Tell what was committed and not told: the steps that led to how it stands."""
        row = loaded.row
        if resolved is not None and resolved[0].status != "pending":
            seen, reason = resolved
            self.extension_resolved(row, seen.id, seen.status, reason)
        if row.extension is not None and row.extension.id != told.extension_id:
            self.extension_requested(row)
        for left in loaded.closing:
            if left.sender_type not in told.closing:
                self.closing_message(row, left)
        if (row.status, row.ends_at) == (told.status, told.ends_at):
            return
        match row.status:
            case "active":
                self.resumed(row)
            case "expired":
                self.expired(row)
            case "closing":
                self.closing(row, loaded.ended_by or "system")
            case "completed":
                self.completed(row, loaded.completion or "closed")
            case _:
                assert_never(row.status)

    # pushes

    def owed(
        self, type: PushType, row: SessionRow, until: datetime | None, at: datetime
    ) -> list[Owed]:
        """A push for each party that has no socket now; of a request, for the mitra alone."""
        people = [row.mitra_id]
        if type != "extension_requested":
            people.append(row.customer_id)
        return [
            Owed(
                user_id=user_id,
                type=type,
                session_id=row.id,
                payment_request_id=row.payment_request_id if type == "paired" else None,
                expires_at=until or at + PUSH_LIFE,
            )
            for user_id in people
            if not self._frames.is_there(user_id)
        ]
