"""One mitra's presence.

Runs while the mitra is online, has an open offer or was heard of lately. Owns the
heartbeat's expiry, the slots (running sessions plus reservations never exceed the
capacity) and the offers that are open for this mitra. Whether a mitra is online, which
sessions run and which offers are open are rows; a crash costs one restart, and the
reservations, whose accepts the database checks anyway.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import msgspec

from actors import Actor, Kind, Ref, Unavailable
from halobestie.knobs.messages import CurrentKnobs
from halobestie.pairing.messages import HIDDEN_NAME, MitraLeft, PairingMessage
from halobestie.roster import Roster

from . import rules
from .frames import OfferClosedFrame, PresenceFrame
from .messages import (
    AccountChanged,
    BoardMessage,
    CanTake,
    CloseReason,
    GetStatus,
    Greet,
    Greeting,
    Heartbeat,
    HideOffer,
    KnobsChanged,
    MitraChanged,
    MitraMessage,
    MitraStatus,
    Offer,
    OfferCustomer,
    OfferNews,
    Quiet,
    Reason,
    Release,
    RereadOffers,
    ReservationOver,
    Reserve,
    SessionMoved,
    SetOnline,
    ShowOffer,
    TellBoard,
    Wake,
    WentStale,
)
from .slots import Slots
from .store import MitraRow, PresenceStore

QUIET_SECONDS = 120.0  # an idle presence retires after this

Left = Literal["offline", "at_capacity"]
Standing = Literal["free", "offline", "at_capacity"]
Reserved = Literal["reserved", "offline", "at_capacity"]


class MitraPresence(Actor[MitraMessage]):
    def __init__(
        self,
        mitra_id: UUID,
        *,
        store: PresenceStore,
        roster: Roster,
        knobs: CurrentKnobs,
        cadence_seconds: int,
        board: Ref[BoardMessage],
        pairings: Kind[PairingMessage],
    ) -> None:
        self._id = mitra_id
        self._store = store
        self._roster = roster
        self._knobs = knobs
        self._cadence = cadence_seconds
        self._board = board
        self._pairings = pairings
        self._is_online = False
        self._since: datetime | None = None
        self._heard: datetime | None = None
        self._is_active = False
        self._override: int | None = None
        self._slots = Slots()
        self._offers: dict[UUID, Offer] = {}
        # Offers that no socket of theirs has been given yet.
        self._unseen: set[UUID] = set()
        self._told: tuple[bool, int] | None = None
        self._frames: list[bytes] = []

    async def started(self) -> None:
        row = await self._store.mitra(self._id)
        if row is None:
            self.stop()
            return
        self._is_online = row.is_online
        self._since, self._heard = row.since, row.last_heartbeat_at
        self._load(row)
        await self._reread_offers()
        await self._settle_with_account()
        self._arm()
        self._tell_board()

    async def receive(
        self, message: MitraMessage
    ) -> MitraStatus | Greeting | Standing | Reserved | None:
        match message:
            case OfferNews(news):
                self._hear(news)
            case Heartbeat():
                await self._heartbeat()
                return self._status()
            case GetStatus():
                return self._status()
            case SetOnline():
                await self._set_online(message.online, message.reason, message.by)
                return self._status()
            case Greet():
                return await self._greet()
            case CanTake():
                return self._standing()
            case Reserve(pairing_id):
                return self._reserve(pairing_id)
            case Release(pairing_id):
                self._slots.release(pairing_id)
            case ReservationOver():
                self._slots.drop_old(self.clock.now())
                self._mind_reservations()
            case SessionMoved():
                self._slots.moved(message)
            case AccountChanged():
                await self._reload_account()
            case KnobsChanged():
                self._arm()
            case WentStale():
                await self._set_online(False, "stale", None)
            case RereadOffers():
                await self._reread_offers()
            case TellBoard():
                self._told = None
            case Wake():
                pass
            case Quiet():
                self._retire_if_idle()
            case _:
                assert_never(message)
        self._tell_board()
        return None

    async def flush(self) -> None:
        self._deliver()

    # online and offline

    async def _set_online(self, online: bool, reason: Reason, by: UUID | None) -> None:
        if online == self._is_online or (online and not self._is_active):
            return
        now = self.clock.now()
        changed = await self._store.set_online(
            self._id, is_online=online, reason=reason, at=now, by=by
        )
        if not changed:
            await self._reload_account()  # switched off meanwhile
            return
        self._is_online, self._since = online, now
        if online:
            self._heard = now
        else:
            self._leave_offers("offline")
        self._arm()
        self._frame(PresenceFrame(online, reason))
        self._deliver()
        self._tell_board()

    async def _heartbeat(self) -> None:
        if not self._is_online:
            return
        self._heard = self.clock.now()
        self._arm()
        with suppress(Unavailable):  # memory counts; only a restart now would know an older one
            await self._store.heartbeat(self._id, self._heard)

    def _arm(self) -> None:
        self.deadlines.after("quiet", QUIET_SECONDS, Quiet())
        if self._is_online and self._heard is not None:
            stale_after = self._knobs.current.mitra_stale_after_seconds
            self.deadlines.set("stale", rules.stale_at(self._heard, stale_after), WentStale())
        else:
            self.deadlines.clear("stale")

    def _retire_if_idle(self) -> None:
        if self._is_online or self._slots.reserved or self._offers:
            self.deadlines.after("quiet", QUIET_SECONDS, Quiet())
        else:
            self.stop()

    def _load(self, row: MitraRow) -> None:
        self._slots.load(row.running, row.closing)
        self._is_active, self._override = row.is_active, row.capacity_override

    async def _reload_account(self) -> None:
        row = await self._store.mitra(self._id)
        if row is not None:
            self._load(row)
            await self._settle_with_account()

    async def _settle_with_account(self) -> None:
        """What the account and the clock say of one who is online, before anyone hears of it."""
        if not self._is_online:
            return
        stale_after = self._knobs.current.mitra_stale_after_seconds
        if not self._is_active:
            await self._set_online(False, "deactivated", None)
        elif self._heard and rules.stale_at(self._heard, stale_after) <= self.clock.now():
            await self._set_online(False, "stale", None)

    # slots

    @property
    def _capacity(self) -> int:
        knob = self._knobs.current.max_customers_per_mitra
        return rules.capacity(knob, self._override, is_active=self._is_active)

    def _standing(self) -> Standing:
        if not self._is_online:
            return "offline"
        return "free" if self._slots.free(self._capacity) else "at_capacity"

    def _reserve(self, pairing_id: UUID) -> Reserved:
        if not self._is_online:
            return "offline"
        if not self._slots.reserve(pairing_id, self._capacity, self.clock.now()):
            return "at_capacity"
        self._mind_reservations()
        self._tell_board()
        return "reserved"

    def _mind_reservations(self) -> None:
        over = self._slots.next_drop
        if over is not None:
            self.deadlines.set("reservations", over, ReservationOver())

    def _tell_board(self) -> None:
        """Say how many more there is room for, when that has changed."""
        free = self._slots.free(self._capacity) if self._is_online else 0
        if (self._is_online, free) != self._told:
            self._told = (self._is_online, free)
            self._board.tell(MitraChanged(self._id, self._is_online, free))
        if self._offers and self._is_online and self._slots.is_full(self._capacity):
            self._leave_offers("at_capacity")

    # offers

    def _hear(self, news: Sequence[ShowOffer | HideOffer]) -> None:
        closed: Left | None = None if self._is_online else "offline"
        if closed is None and self._slots.is_full(self._capacity):
            closed = "at_capacity"
        has_sockets = self._roster.sockets(self._id) > 0
        reserved, offers, frames = self._slots.reserved, self._offers, self._frames
        for word in news:
            if isinstance(word, HideOffer):
                self._slots.release(word.pairing_id)
                self._hide(word.pairing_id, word.reason)
                continue
            pairing_id = word.offer.pairing_id
            if reserved:
                self._slots.release(pairing_id)  # nobody accepts what is only being shown
            if closed is not None:
                self._pairings.ref(pairing_id).tell(MitraLeft(self._id, closed))
            elif offers.setdefault(pairing_id, word.offer) is word.offer:
                frames.append(word.frame)
                if not has_sockets:
                    self._unseen.add(pairing_id)

    async def _reread_offers(self) -> None:
        """What the rows say is open. Apps that know an offer already hear of it twice."""
        open_now = {offer.pairing_id: offer for offer in await self._store.open_offers(self._id)}
        for pairing_id in self._offers.keys() - open_now.keys():
            self._hide(pairing_id, "expired")  # or taken, or cancelled: that word is lost
        for offer in open_now.values():
            self._offers[offer.pairing_id] = self._named(offer)
            self._frame(self._aged(self._offers[offer.pairing_id]))
        self._unseen = set(self._offers)

    def _hide(self, pairing_id: UUID, reason: CloseReason) -> None:
        if self._offers.pop(pairing_id, None) is not None:
            self._unseen.discard(pairing_id)
            self._frame(OfferClosedFrame(pairing_id, reason))

    def _leave_offers(self, reason: Left) -> None:
        for pairing_id in tuple(self._offers):
            self._hide(pairing_id, reason)
            self._pairings.ref(pairing_id).tell(MitraLeft(self._id, reason))

    async def _greet(self) -> Greeting:
        """What an app finds on opening; with that it has seen its offers."""
        now = self.clock.now()
        offers = tuple(self._aged(o) for o in self._offers.values() if o.expires_at > now)
        if self._unseen:
            with suppress(Unavailable):  # a mark for operators only
                await self._store.seen(self._id, self._unseen, now)
                self._unseen = set()
        return Greeting(session_ids=(*self._slots.running, *self._slots.closing), offers=offers)

    def _aged(self, offer: Offer) -> Offer:
        left = max(0, round(self.clock.seconds_until(offer.expires_at)))
        return msgspec.structs.replace(offer, expires_in_seconds=left)

    def _named(self, offer: Offer) -> Offer:
        """As the anonymity knob has it."""
        if self._knobs.current.mitra_sees_customer_name:
            return offer
        return msgspec.structs.replace(offer, customer=OfferCustomer(HIDDEN_NAME))

    # what others see

    def _status(self) -> MitraStatus:
        return MitraStatus(
            is_online=self._is_online,
            since=self._since,
            last_heartbeat_at=self._heard,
            active_sessions=len(self._slots.running),
            capacity=self._capacity,
            stale_after_seconds=self._knobs.current.mitra_stale_after_seconds,
            heartbeat_cadence_seconds=self._cadence,
        )

    def _frame(self, frame: msgspec.Struct) -> None:
        self._frames.append(msgspec.json.encode(frame))

    def _deliver(self) -> None:
        """One delivery for every frame that has gathered: offers come by the hundred."""
        frames, self._frames = self._frames, []
        self._roster.deliver_all(self._id, frames)

    def info(self) -> dict[str, object]:
        return {
            "online": self._is_online,
            "sessions": len(self._slots.running),
            "capacity": self._capacity,
            "reserved": len(self._slots.reserved),
            "offers": len(self._offers),
            "sockets": self._roster.sockets(self._id),
        }
