"""What a search tells the apps."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from halobestie.knobs.messages import CurrentKnobs
from halobestie.payments.messages import Status, StatusChange
from halobestie.roster import Roster

from .messages import HIDDEN_NAME
from .rules import Failure
from .store import Channel, PairingRow


class PairingFailed(msgspec.Struct, frozen=True, tag="pairing_failed", tag_field="type"):
    """No mitra was found this time."""

    payment_request_id: UUID
    cause_tag: str
    is_terminal: bool


class ReturningRejected(
    msgspec.Struct, frozen=True, tag="returning_chat_rejected", tag_field="type"
):
    """The one mitra who was asked has declined."""

    payment_request_id: UUID
    mitra_id: UUID
    fallback_available: bool


class ReturningTimeout(msgspec.Struct, frozen=True, tag="returning_chat_timeout", tag_field="type"):
    """The one mitra who was asked did not answer in time."""

    payment_request_id: UUID
    mitra_id: UUID
    fallback_available: bool


_RETURNING = {
    "targeted_mitra_rejected": ReturningRejected,
    "targeted_mitra_timeout": ReturningTimeout,
}


class Frames:
    """The frames of searches, and who of those concerned is connected."""

    def __init__(
        self,
        roster: Roster,
        knobs: CurrentKnobs,
        announce_status: Callable[[StatusChange], None],
    ) -> None:
        self._roster = roster
        self._knobs = knobs
        self._announce_status = announce_status

    def channel(self, mitra_id: UUID) -> Channel:
        """The road by which an offer reaches a mitra."""
        return "ws" if self._roster.sockets(mitra_id) else "none"

    def name_for_mitra(self, customer_name: str) -> str:
        """The customer's name, where mitras see names."""
        return customer_name if self._knobs.current.mitra_sees_customer_name else HIDDEN_NAME

    def payment(self, row: PairingRow, status: Status) -> None:
        """The payment behind the search has another status."""
        self._announce_status(StatusChange(row.customer_id, row.payment_request_id, status))

    def failed(self, row: PairingRow, failure: Failure) -> None:
        """The search has ended without a session."""
        returning = _RETURNING.get(failure.cause)
        if returning is not None and row.targeted_mitra_id is not None:
            frame = returning(
                row.payment_request_id,
                row.targeted_mitra_id,
                fallback_available=not failure.is_terminal,
            )
            self._roster.deliver(row.customer_id, msgspec.json.encode(frame))
        failed = PairingFailed(row.payment_request_id, failure.cause, failure.is_terminal)
        self._roster.deliver(row.customer_id, msgspec.json.encode(failed))
