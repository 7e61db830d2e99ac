"""Who hears what of a search. Nothing here waits, decides or remembers.

Told after the commit of what is told, at least once: a search that crashed between the
two tells again, so everything said here may come twice.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from actors import Kind, Ref
from halobestie.chat.messages import Announce, SessionMessage
from halobestie.knobs.messages import CurrentKnobs
from halobestie.payments.messages import Status, StatusChange
from halobestie.presence.messages import (
    BoardMessage,
    CloseReason,
    CustomerMessage,
    DeskMessage,
    HideFrom,
    HideOffer,
    MitraMessage,
    Offer,
    OfferCustomer,
    SearchMoved,
    SessionMoved,
    ShowOffer,
    ShowTo,
    Unwatch,
)
from halobestie.roster import Roster

from .messages import HIDDEN_NAME, PairingStatus
from .rows import Offers, PairingRow
from .rules import Failure

_WHY_CLOSED: dict[PairingStatus, CloseReason] = {
    "paired": "taken",
    "failed": "expired",
    "cancelled": "cancelled",
}


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


class Herald:
    """One per node. Its actors are named by the node: see `wiring`."""

    def __init__(
        self,
        *,
        roster: Roster,
        knobs: CurrentKnobs,
        announce_status: Callable[[StatusChange], None],
        keeper: Ref[BoardMessage],
        desk: Ref[DeskMessage],
        mitras: Kind[MitraMessage],
        customers: Kind[CustomerMessage],
        sessions: Kind[SessionMessage],
    ) -> None:
        self._roster = roster
        self._knobs = knobs
        self._announce_status = announce_status
        self._keeper = keeper
        self._desk = desk
        self._mitras = mitras
        self._customers = customers
        self._sessions = sessions

    def connected(self, user_ids: Iterable[UUID]) -> set[UUID]:
        """Those who have a live socket."""
        return self._roster.connected(user_ids)

    def opened(self, row: PairingRow) -> None:
        """A search has begun."""
        self._customers.tell_running(row.customer_id, SearchMoved(row.id, is_running=True))

    def offer(self, row: PairingRow, mitra_ids: Iterable[UUID], seconds_left: float) -> None:
        """Show the customer to these mitras."""
        sees_name = self._knobs.current.mitra_sees_customer_name
        offer = Offer(
            pairing_id=row.id,
            request_type=row.request_type,
            customer=OfferCustomer(row.customer_name if sees_name else HIDDEN_NAME),
            duration_minutes=row.duration_minutes,
            topics=row.topics,
            sensitivity=row.sensitivity,
            is_free_trial=row.is_free_trial,
            expires_at=row.expires_at,
            expires_in_seconds=max(0, round(seconds_left)),
        )
        self._desk.tell(ShowTo(tuple(mitra_ids), ShowOffer(offer, msgspec.json.encode(offer))))

    def declined(self, row: PairingRow, mitra_id: UUID) -> None:
        """A mitra has declined: their other apps close the offer too."""
        self._desk.tell(HideFrom((mitra_id,), HideOffer(row.id, "declined")))

    def won(self, row: PairingRow, mitra_id: UUID) -> None:
        """The search has just become a session: its slot is taken from this moment.

        Not told again after a crash: the session itself tells the presences how it stands,
        and what it says must not be overtaken by what was true before.
        """
        if row.session_id is not None:
            moved = SessionMoved(row.session_id, "active", row.id)
            self._mitras.tell_running(mitra_id, moved)
            self._customers.tell_running(row.customer_id, moved)

    def ended(self, row: PairingRow, offers: Offers) -> None:
        """The search is over: close what is open, and tell the customer how it ended."""
        winner = offers.winner
        if winner is not None and row.session_id is not None:
            self._sessions.ref(row.session_id).tell(Announce())
            self._desk.tell(HideFrom((winner,), HideOffer(row.id, "accepted_elsewhere")))
        hide = HideOffer(row.id, _WHY_CLOSED[row.status])
        self._desk.tell(HideFrom(tuple(offers.open), hide))
        self._keeper.tell(Unwatch(row.id))
        self._customers.tell_running(row.customer_id, SearchMoved(row.id, is_running=False))
        if row.status == "paired":
            self._payment(row, "consumed")
        elif row.is_terminal:
            self._payment(row, "failed_pairing")
        if row.failure is not None:
            self._failed(row, row.failure)

    def _payment(self, row: PairingRow, status: Status) -> None:
        self._announce_status(StatusChange(row.customer_id, row.payment_request_id, status))

    def _failed(self, row: PairingRow, failure: Failure) -> None:
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
