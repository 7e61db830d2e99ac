"""The frames about a session's states: what changed, and until when it stands."""

from datetime import datetime
from uuid import UUID

from .frames import Frame
from .messages import (
    Bestie,
    Completion,
    DefaultAction,
    EndedBy,
    ExtensionStatus,
    Party,
    SessionView,
)


class TickFrame(Frame, frozen=True, tag="session_tick"):
    session_id: UUID
    remaining_seconds: int


class WarningFrame(Frame, frozen=True, tag="session_warning"):
    session_id: UUID
    remaining_seconds: int


class ExpiredFrame(Frame, frozen=True, tag="session_expired"):
    """Time is up. No deadline while an extension is pending."""

    session_id: UUID
    decision_deadline: datetime | None


class ExtensionRequestedFrame(Frame, frozen=True, tag="extension_requested"):
    """To the mitra: the customer has paid for more time."""

    session_id: UUID
    extension_id: UUID
    duration_minutes: int
    expires_at: datetime
    timeout_seconds: int
    default_action: DefaultAction


class ExtensionResolvedFrame(Frame, frozen=True, tag="extension_resolved", omit_defaults=True):
    session_id: UUID
    extension_id: UUID
    outcome: ExtensionStatus
    reason: str | None = None


class ResumedFrame(Frame, frozen=True, tag="session_resumed"):
    session_id: UUID
    ends_at: datetime
    remaining_seconds: int


class ClosingFrame(Frame, frozen=True, tag="session_closing"):
    session_id: UUID
    grace_deadline: datetime
    ended_by: EndedBy


class ClosingMessageFrame(Frame, frozen=True, tag="closing_message"):
    session_id: UUID
    sender_type: Party
    content: str

    def __repr__(self) -> str:
        return f"ClosingMessageFrame(session_id={self.session_id})"


class CompletedFrame(Frame, frozen=True, tag="session_completed"):
    session_id: UUID
    reason: Completion


class ReroutedFrame(Frame, frozen=True, tag="session_rerouted", omit_defaults=True):
    """Another mitra has the session; what it is, is not the old one's to know any more."""

    session_id: UUID
    mitra: Bestie
    session: SessionView | None = None


class StartedFrame(Frame, frozen=True, tag="session_started"):
    session: SessionView


class PairedFrame(Frame, frozen=True, tag="paired"):
    payment_request_id: UUID
    session: SessionView
