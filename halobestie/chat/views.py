"""A session as one of its parties sees it."""

from halobestie.pairing.messages import HIDDEN_NAME

from .letters import Letters
from .messages import (
    Bestie,
    ClosingMessage,
    ExtensionView,
    Party,
    Person,
    SessionView,
    other,
)
from .store import SessionRow


def view(
    row: SessionRow,
    letters: Letters,
    closing: tuple[ClosingMessage, ...],
    party: Party,
    *,
    remaining_seconds: int,
    mitra_is_online: bool,
    mitra_sees_name: bool,
) -> SessionView:
    """The contract's SESSION for `party`."""
    hidden = party == "mitra" and not mitra_sees_name
    delivered, read = letters.peer_has(party)
    own_delivered, own_read = letters.peer_has(other(party))
    pending = row.extension
    return SessionView(
        id=row.id,
        status=row.status,
        customer=Person(row.customer_id, HIDDEN_NAME if hidden else row.customer_name),
        mitra=Bestie(row.mitra_id, row.mitra_name, mitra_is_online),
        topics=row.topics,
        sensitivity=row.sensitivity,
        duration_minutes=row.duration_minutes,
        started_at=row.started_at,
        ends_at=row.ends_at,
        remaining_seconds=remaining_seconds,
        decision_deadline=row.decision_deadline,
        grace_deadline=row.grace_deadline,
        extension=None
        if pending is None
        else ExtensionView(pending.id, "pending", pending.duration_minutes, pending.expires_at),
        last_seq=letters.last_seq,
        unread_count=letters.unread(party),
        peer_delivered_seq=delivered,
        peer_read_seq=read,
        own_delivered_seq=own_delivered,
        own_read_seq=own_read,
        payment_request_id=row.payment_request_id,
        closing_messages=tuple(one for one in closing if one.content is not None),
    )
