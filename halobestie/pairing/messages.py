"""What may be said to a pairing, and what it answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from actors import Ask

HIDDEN_NAME = "Sahabat"  # every customer's name where mitras do not see names

RequestType = Literal["blast", "returning"]
PairingStatus = Literal["searching", "paired", "failed", "cancelled"]
Refused = Literal[
    "not_found",
    "payment_not_confirmed",
    "already_active",
    "already_pairing",
    "targeted_mitra_offline",
    "nothing_to_cancel",
]
NotYours = Literal[
    "not_found",
    "already_taken",
    "request_closed",
    "at_capacity",
    "offline",
    "unavailable",  # nothing is decided: the mitra may try again
]


class PairingView(Struct, frozen=True):
    """The contract's PAIRING."""

    id: UUID
    payment_request_id: UUID
    request_type: RequestType
    status: PairingStatus
    cause_tag: str | None
    is_terminal: bool | None
    expires_at: datetime
    mitras_notified: int
    session_id: UUID | None


class Running(Struct, frozen=True):
    """Another actor holds the search of this payment already."""

    pairing_id: UUID


class Refusal(Struct, frozen=True):
    """No search was started or cancelled; the code says why."""

    code: Refused
    session_id: UUID | None = None


class Accepted(Struct, frozen=True):
    """The mitra has won: this is the session to open."""

    session_id: UUID


class Lost(Struct, frozen=True):
    """The mitra has not won; the code says why."""

    code: NotYours


class Begin(Ask[PairingView | Running | Refusal], frozen=True):
    """Search with the money of this payment. With a mitra: ask only that one.

    `customer_id` is given where a customer asks; a payment of another is not found.
    """

    payment_request_id: UUID
    customer_id: UUID | None = None
    request_type: RequestType | None = None  # None: as the payment says
    mitra_id: UUID | None = None


class GetPairing(Ask[PairingView | None], frozen=True):
    """How does the search stand? None if there never was one under this key."""


class Accept(Ask[Accepted | Lost], frozen=True):
    """A mitra wants this customer."""

    mitra_id: UUID


class Decline(Ask[bool], frozen=True):
    """A mitra does not want this customer. False if it was never offered."""

    mitra_id: UUID


class Cancel(Ask[PairingView | Refusal], frozen=True):
    """The customer, or the house for them, wants no mitra any more.

    Ends a running search whatever has become of its payment; one that has failed only
    while its payment could still start another.
    """

    customer_id: UUID


class MitrasFree(Struct, frozen=True):
    """These mitras have come online, or have a free slot again."""

    mitra_ids: tuple[UUID, ...]


class MitraLeft(Struct, frozen=True):
    """A mitra to whom this was offered can no longer take it."""

    mitra_id: UUID
    reason: Literal["offline", "at_capacity"]


class WindowOver(Struct, frozen=True):
    """The time for finding a mitra is over."""


class Wake(Struct, frozen=True):
    """Run, if only to mind your window. The node says it to what it finds at start."""


class Forgotten(Struct, frozen=True):
    """Closed long enough: late mitras have heard why they lost."""


PairingMessage = (
    Begin
    | GetPairing
    | Accept
    | Decline
    | Cancel
    | MitrasFree
    | MitraLeft
    | WindowOver
    | Wake
    | Forgotten
)
