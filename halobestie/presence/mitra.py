"""One mitra's presence.

Runs while the mitra is online, has an open offer or was heard of lately. Owns the
heartbeat's expiry, the slots (running sessions plus reservations never exceed the
capacity) and the offers that are open for this mitra. Whether a mitra is online and
which sessions run are rows; a crash costs the open offers' place in the list, which
the searches fill again, and reservations, whose accepts the database checks anyway.
"""

from contextlib import suppress
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

import msgspec

from actors import Actor, Ref, Unavailable
from actors.system import Kind
from halobestie.knobs.messages import CurrentKnobs
from halobestie.pairing.messages import MitraLeft, PairingMessage
from halobestie.roster import Roster

from . import rules
from .messages import (
    BoardMessage,
    GetStatus,
    Greet,
    Greeting,
    Heartbeat,
    HideOffer,
    LimitsChanged,
    MitraChanged,
    MitraMessage,
    MitraStatus,
    Offer,
    Quiet,
    Reason,
    Release,
    ReservationOver,
    Reserve,
    SessionMoved,
    SetOnline,
    ShowOffer,
    Wake,
    WentStale,
)
from .store import PresenceStore

RESERVATION_SECONDS = 15.0  # longer than any commit may take
QUIET_SECONDS = 120.0  # an idle presence retires after this


class PresenceFrame(msgspec.Struct, frozen=True, tag="presence", tag_field="type"):
    """The mitra's apps hear of every change."""

    is_online: bool
    reason: Reason


class OfferClosedFrame(msgspec.Struct, frozen=True, tag="chat_request_closed", tag_field="type"):
    """An offer can no longer be accepted."""

    pairing_id: UUID
    reason: str


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
        self._running: set[UUID] = set()
        self._closing: set[UUID] = set()
        self._reserved: dict[UUID, datetime] = {}
        self._offers: dict[UUID, Offer] = {}
        self._told: tuple[bool, int] | None = None

    async def started(self) -> None:
        row = await self._store.mitra(self._id)
        if row is None:
            self.stop()
            return
        self._is_online = row.is_online
        self._since, self._heard = row.since, row.last_heartbeat_at
        self._running, self._closing = set(row.running), set(row.closing)
        self._is_active, self._override = row.is_active, row.capacity_override
        self._arm()
        self._tell_board()

    async def receive(
        self, message: MitraMessage
    ) -> MitraStatus | Greeting | Literal["reserved", "offline", "at_capacity"] | None:
        match message:
            case GetStatus():
                return self._status()
            case SetOnline(online, reason):
                await self._set_online(online, reason)
                return self._status()
            case Heartbeat():
                await self._heartbeat()
                return self._status()
            case Greet():
                return Greeting(
                    session_ids=(*self._running, *self._closing),
                    offers=self._open_offers(),
                )
            case ShowOffer(offer):
                self._show(offer)
            case HideOffer(pairing_id, reason):
                self._hide(pairing_id, reason)
            case Reserve(pairing_id):
                return self._reserve(pairing_id)
            case Release(pairing_id):
                self._reserved.pop(pairing_id, None)
            case ReservationOver():
                self._drop_old_reservations()
            case SessionMoved():
                self._moved(message)
            case LimitsChanged():
                await self.started()
            case WentStale():
                await self._set_online(False, "stale")
            case Wake():
                pass
            case Quiet():
                if not (self._is_online or self._reserved or self._offers):
                    self.stop()
            case _:
                assert_never(message)
        self._tell_board()
        return None

    # online and offline

    async def _set_online(self, online: bool, reason: Reason) -> None:
        if online == self._is_online or (online and self._capacity == 0):
            return
        now = self.clock.now()
        await self._store.set_online(self._id, is_online=online, reason=reason, at=now)
        self._is_online, self._since = online, now
        if online:
            self._heard = now
        else:
            self._leave_offers("offline")
        self._arm()
        self._tell_board()
        self._frame(PresenceFrame(online, reason))

    async def _heartbeat(self) -> None:
        if not self._is_online:
            return
        self._heard = self.clock.now()
        self._arm()
        self._tell_board()
        with suppress(Unavailable):  # memory counts; only a restart now would know an older one
            await self._store.heartbeat(self._id, self._heard)

    def _arm(self) -> None:
        self.deadlines.after("quiet", QUIET_SECONDS, Quiet())
        if self._is_online and self._heard is not None:
            stale_after = self._knobs.current.mitra_stale_after_seconds
            self.deadlines.set("stale", rules.stale_at(self._heard, stale_after), WentStale())
        else:
            self.deadlines.clear("stale")

    # slots

    def _reserve(self, pairing_id: UUID) -> Literal["reserved", "offline", "at_capacity"]:
        if not self._is_online:
            return "offline"
        if pairing_id not in self._reserved and self._free() == 0:
            return "at_capacity"
        self._reserved[pairing_id] = self.clock.now()
        self.deadlines.after("reservations", RESERVATION_SECONDS, ReservationOver())
        self._tell_board()
        return "reserved"

    def _drop_old_reservations(self) -> None:
        for pairing_id, since in tuple(self._reserved.items()):
            if self.clock.seconds_until(since) <= -RESERVATION_SECONDS:
                del self._reserved[pairing_id]
        if self._reserved:
            self.deadlines.after("reservations", RESERVATION_SECONDS, ReservationOver())

    def _moved(self, moved: SessionMoved) -> None:
        self._running.discard(moved.session_id)
        self._closing.discard(moved.session_id)
        if moved.pairing_id is not None:
            self._reserved.pop(moved.pairing_id, None)
        if moved.status in ("active", "expired"):
            self._running.add(moved.session_id)
        elif moved.status == "closing":
            self._closing.add(moved.session_id)

    @property
    def _capacity(self) -> int:
        knob = self._knobs.current.max_customers_per_mitra
        return rules.capacity(knob, self._override, is_active=self._is_active)

    def _free(self) -> int:
        return rules.free_slots(
            is_online=self._is_online,
            capacity=self._capacity,
            running=len(self._running),
            reserved=len(self._reserved),
        )

    def _tell_board(self) -> None:
        """Say how many more there is room for, when that has changed."""
        free = self._free()
        if (self._is_online, free) != self._told:
            self._told = (self._is_online, free)
            self._board.tell(MitraChanged(self._id, self._is_online, free))
        if free == 0 and self._is_online and len(self._running) >= self._capacity:
            self._leave_offers("at_capacity")

    # offers

    def _show(self, offer: Offer) -> None:
        if not self._is_online:
            self._pairings.ref(offer.pairing_id).tell(MitraLeft(self._id, "offline"))
            return
        self._offers[offer.pairing_id] = offer
        self._frame(self._aged(offer))

    def _hide(self, pairing_id: UUID, reason: str) -> None:
        if self._offers.pop(pairing_id, None) is not None:
            self._frame(OfferClosedFrame(pairing_id, reason))

    def _leave_offers(self, reason: Literal["offline", "at_capacity"]) -> None:
        for pairing_id in tuple(self._offers):
            self._hide(pairing_id, reason)
            self._pairings.ref(pairing_id).tell(MitraLeft(self._id, reason))

    def _open_offers(self) -> tuple[Offer, ...]:
        return tuple(self._aged(offer) for offer in self._offers.values())

    def _aged(self, offer: Offer) -> Offer:
        left = max(0, round(self.clock.seconds_until(offer.expires_at)))
        return msgspec.structs.replace(offer, expires_in_seconds=left)

    # what others see

    def _status(self) -> MitraStatus:
        return MitraStatus(
            is_online=self._is_online,
            since=self._since,
            last_heartbeat_at=self._heard,
            active_sessions=len(self._running),
            capacity=self._capacity,
            stale_after_seconds=self._knobs.current.mitra_stale_after_seconds,
            heartbeat_cadence_seconds=self._cadence,
        )

    def _frame(self, frame: msgspec.Struct) -> None:
        self._roster.deliver(self._id, msgspec.json.encode(frame))

    def info(self) -> dict[str, object]:
        return {
            "online": self._is_online,
            "sessions": len(self._running),
            "capacity": self._capacity,
            "reserved": len(self._reserved),
            "offers": len(self._offers),
            "sockets": self._roster.sockets(self._id),
        }
