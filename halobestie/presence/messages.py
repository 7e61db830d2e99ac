"""What may be said to a presence, to the availability board and to a socket."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from msgspec import Struct

from actors import Ask

Reason = Literal["manual", "stale", "operator", "deactivated", "logout", "test"]
CloseReason = Literal[
    "taken", "cancelled", "expired", "declined", "offline", "at_capacity", "accepted_elsewhere"
]


# views


class MitraStatus(Struct, frozen=True):
    """The contract's answer of ``/api/mitra/status``. Times in seconds."""

    is_online: bool
    since: datetime | None
    last_heartbeat_at: datetime | None
    active_sessions: int
    capacity: int
    stale_after_seconds: int
    heartbeat_cadence_seconds: int


class OfferCustomer(Struct, frozen=True):
    """What a mitra sees of the customer before accepting."""

    display_name: str


class Offer(Struct, frozen=True, tag="chat_request", tag_field="type"):
    """A customer waits; the frame and the list row that a mitra sees."""

    pairing_id: UUID
    request_type: Literal["blast", "returning"]
    customer: OfferCustomer
    duration_minutes: int
    topics: tuple[str, ...]
    sensitivity: str
    is_free_trial: bool
    expires_at: datetime
    expires_in_seconds: int


class Greeting(Struct, frozen=True):
    """What a person finds on connecting."""

    session_ids: tuple[UUID, ...]
    pairing_id: UUID | None = None
    offers: tuple[Offer, ...] = ()


class Present(Protocol):
    """What anyone may read of the availability board, without waiting."""

    @property
    def online(self) -> Set[UUID]:
        """Mitras that are online."""
        ...

    @property
    def free(self) -> Mapping[UUID, int]:
        """Mitras that can take a customer now, and how many."""
        ...


# to a MitraPresence


class GetStatus(Ask[MitraStatus], frozen=True):
    """How does this mitra stand?"""


class SetOnline(Ask[MitraStatus], frozen=True):
    """Go online or offline; saying it twice changes nothing.

    A mitra whose account is switched off stays offline. `by`: the operator, for the audit.
    """

    online: bool
    reason: Reason
    by: UUID | None = None


class Heartbeat(Ask["MitraStatus"], frozen=True):
    """The app is there. Does not bring a mitra online: see `is_online` of the answer."""


class Greet(Ask[Greeting], frozen=True):
    """A socket has come: what does it have to know?"""


class ShowOffer(Struct, frozen=True):
    """A search offers its customer. Told again after a crash of the search.

    `frame` is the offer as it goes to the app: encoded once for all who are asked.
    """

    offer: Offer
    frame: bytes

    def __repr__(self) -> str:
        return f"ShowOffer(pairing_id={self.offer.pairing_id})"


class HideOffer(Struct, frozen=True):
    """An offer has closed, and why."""

    pairing_id: UUID
    reason: CloseReason


class OfferNews(Struct, frozen=True):
    """What searches have to say, in order."""

    news: tuple[ShowOffer | HideOffer, ...]


class RereadOffers(Struct, frozen=True):
    """Some news may have been lost: the rows know which offers are open."""


class CanTake(Ask[Literal["free", "offline", "at_capacity"]], frozen=True):
    """Could this mitra take a customer now?"""


class Reserve(Ask[Literal["reserved", "offline", "at_capacity"]], frozen=True):
    """Hold a slot while an accept is being committed.

    Settled by `Release`, by the session that it becomes, or by its age.
    """

    pairing_id: UUID


class Release(Struct, frozen=True):
    """The accept was not committed: the slot is free again."""

    pairing_id: UUID


class ReservationOver(Struct, frozen=True):
    """A reservation that nobody settled is too old."""


class WentStale(Struct, frozen=True):
    """No heartbeat for too long."""


class AccountChanged(Struct, frozen=True):
    """The mitra's own row has changed: capacity, or whether the account is on."""


class KnobsChanged(Struct, frozen=True):
    """Capacity and staleness may be other ones now."""


class TellBoard(Struct, frozen=True):
    """The board may have missed how you stand."""


class Wake(Struct, frozen=True):
    """Run, if only to mind your deadlines. The node says it to what it finds at start."""


class Quiet(Struct, frozen=True):
    """Nothing has happened for a while: retire if there is nothing to mind."""


# to both presences


class SessionMoved(Struct, frozen=True):
    """A session of this person has begun (`active`), or has another status now."""

    session_id: UUID
    status: Literal["active", "expired", "closing", "completed"]
    pairing_id: UUID | None = None


class SearchMoved(Struct, frozen=True):
    """A customer's search has begun, or has ended."""

    pairing_id: UUID
    is_running: bool


# to the offer desk


class ShowTo(Struct, frozen=True):
    """Show an offer to these mitras."""

    mitra_ids: tuple[UUID, ...]
    show: ShowOffer


class HideFrom(Struct, frozen=True):
    """Take an offer back from these mitras."""

    mitra_ids: tuple[UUID, ...]
    hide: HideOffer


class HandOut(Struct, frozen=True):
    """Gathered for long enough."""


# to the availability board


class MitraChanged(Struct, frozen=True):
    """How many more customers a mitra can take: 0 when offline or full."""

    mitra_id: UUID
    is_online: bool
    free_slots: int


class OnlineNow(Struct, frozen=True):
    """Who is online: those with a free slot, and those without."""

    free: tuple[UUID, ...]
    full: tuple[UUID, ...]


class Watch(Ask[OnlineNow], frozen=True):
    """A search wants to hear of mitras that become free; answered with who is online now."""

    pairing_id: UUID


class Unwatch(Struct, frozen=True):
    """The search is over."""

    pairing_id: UUID


class Broadcast(Struct, frozen=True):
    """Tell the connected customers how things stand."""


class TellSearches(Struct, frozen=True):
    """Tell the searches who has become free."""


MitraMessage = (
    GetStatus
    | SetOnline
    | Heartbeat
    | Greet
    | OfferNews
    | RereadOffers
    | Reserve
    | Release
    | ReservationOver
    | WentStale
    | CanTake
    | AccountChanged
    | KnobsChanged
    | TellBoard
    | Wake
    | Quiet
    | SessionMoved
)
DeskMessage = ShowTo | HideFrom | HandOut
CustomerMessage = Greet | SessionMoved | SearchMoved | Quiet
BoardMessage = MitraChanged | Watch | Unwatch | Broadcast | TellSearches
