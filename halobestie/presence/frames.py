"""What a mitra's apps hear of presence and offers."""

from uuid import UUID

import msgspec

from .messages import CloseReason, Reason


class PresenceFrame(msgspec.Struct, frozen=True, tag="presence", tag_field="type"):
    """The mitra's apps hear of every change."""

    is_online: bool
    reason: Reason


class OfferClosedFrame(msgspec.Struct, frozen=True, tag="chat_request_closed", tag_field="type"):
    """An offer can no longer be accepted."""

    pairing_id: UUID
    reason: CloseReason
