"""One search for a mitra: from a confirmed payment to the first accept, or to none.

A Pairing searches until the first Accept that commits, a Cancel, or its window's end.
It then stays for GRACE, so that late mitras hear why they lost. Search and offers are
rows, written before anybody hears of them, so a crash costs one restart and no
decision. Who is asked: every mitra with a free slot, also those who get one later;
with a target, that mitra alone.
"""

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID

import msgspec

from actors import Actor, ActorError, Ref, Unavailable
from actors.system import Kind
from halobestie.chat.messages import Announce, SessionMessage
from halobestie.knobs.messages import CurrentKnobs
from halobestie.presence.messages import (
    BoardMessage,
    CloseReason,
    CustomerMessage,
    HideOffer,
    MitraMessage,
    Offer,
    OfferCustomer,
    Present,
    Release,
    Reserve,
    SearchMoved,
    SessionMoved,
    ShowOffer,
    Unwatch,
    Watch,
)

from . import rules
from .frames import Frames
from .messages import (
    Accept,
    Accepted,
    Begin,
    Cancel,
    Decline,
    Forgotten,
    GetPairing,
    Lost,
    MitraFree,
    MitraLeft,
    PairingMessage,
    PairingStatus,
    PairingView,
    Refusal,
    Running,
    Wake,
    WindowOver,
)
from .rules import Failure, Fate
from .store import PairingRow, PairingStore, Slots

GRACE = 30.0  # seconds that a closed search stays in memory
HIDDEN: dict[Fate, CloseReason] = {
    "taken": "taken",
    "cancelled": "cancelled",
    "expired": "expired",
}


class Pairing(Actor[PairingMessage]):
    def __init__(
        self,
        pairing_id: UUID,
        *,
        store: PairingStore,
        knobs: CurrentKnobs,
        frames: Frames,
        board: Present,
        keeper: Ref[BoardMessage],
        mitras: Kind[MitraMessage],
        customers: Kind[CustomerMessage],
        sessions: Kind[SessionMessage],
    ) -> None:
        self._id = pairing_id
        self._store = store
        self._knobs = knobs
        self._frames = frames
        self._board = board
        self._keeper = keeper
        self._mitras = mitras
        self._customers = customers
        self._sessions = sessions
        # None until it has begun. Replaced, never changed, after each commit.
        self._row: PairingRow | None = None
        # Everyone who was asked; None while the offer is open.
        self._offers: dict[UUID, Fate | None] = {}
        self._winner: UUID | None = None

    async def started(self) -> None:
        claimed = await self._store.claim(self._id)
        if claimed is None:
            return
        self._row, self._offers = claimed
        self._winner = next((m for m, fate in self._offers.items() if fate == "accepted"), None)
        if self._row.status != "searching":
            self.deadlines.after("forgotten", GRACE, Forgotten())
            return
        for mitra_id, fate in self._offers.items():
            if fate is None:
                self._mitras.ref(mitra_id).tell(ShowOffer(self._offer(self._row)))
        await self._search(self._row)

    async def receive(
        self, message: PairingMessage
    ) -> PairingView | Running | Refusal | Accepted | Lost | bool | None:
        if isinstance(message, Begin):
            return await self._begin(message)
        row = self._row
        if row is None:
            self.stop()
            return _answer_of_nothing(message)
        match message:
            case Accept(mitra_id):
                return await self._accept(row, mitra_id)
            case Decline(mitra_id):
                return await self._decline(row, mitra_id)
            case Cancel(customer_id):
                return await self._cancel(row, customer_id)
            case GetPairing():
                return self._view(row)
            case MitraFree(mitra_id):
                await self._offer_to(row, [mitra_id])
            case MitraLeft(mitra_id, reason):
                await self._left(row, mitra_id, reason)
            case WindowOver():
                failure = rules.at_window_end(
                    row.request_type, row.expires_at, row.payment_expires_at
                )
                await self._fail(row, failure)
            case Wake():
                pass
            case Forgotten():
                self.stop()
            case _:
                assert_never(message)
        return None

    # the search

    async def _begin(self, begin: Begin) -> PairingView | Running | Refusal:
        if self._row is not None:  # told twice
            return self._view(self._row)
        knobs = self._knobs.current
        refused = await self._store.open(
            self._id,
            begin.payment_request_id,
            customer_id=begin.customer_id,
            request_type=begin.request_type,
            mitra_id=begin.mitra_id,
            windows={
                "blast": knobs.pairing_blast_timeout_seconds,
                "returning": knobs.returning_chat_confirmation_timeout_seconds,
            },
            at=self.clock.now(),
        )
        if refused is not None:
            self.stop()
            return refused
        claimed = await self._store.claim(self._id)
        if claimed is None:
            raise Unavailable
        row = self._row = claimed[0]
        self._customers.tell_running(row.customer_id, SearchMoved(self._id, is_running=True))
        target = row.targeted_mitra_id
        if target is not None and target not in self._board.free:
            await self._fail(row, Failure("targeted_mitra_offline"))
            return Refusal("targeted_mitra_offline")
        await self._search(row)
        return self._view(row)

    async def _search(self, row: PairingRow) -> None:
        """Ask who is free now and hear of those who become free; mind the window."""
        self.deadlines.set("window", row.expires_at, WindowOver())
        if row.targeted_mitra_id is not None:
            await self._offer_to(row, [row.targeted_mitra_id])
        else:
            free = await self._keeper.ask(Watch(self._id))
            await self._offer_to(row, free)

    async def _offer_to(self, row: PairingRow, free: Sequence[UUID]) -> None:
        """Ask those who have no open offer and have not declined."""
        asked = [m for m in free if self._offers.get(m, "offline") in ("offline", "at_capacity")]
        if row.status != "searching" or not asked:
            return
        channels = [(mitra_id, self._frames.channel(mitra_id)) for mitra_id in asked]
        await self._store.offered(self._id, channels, self.clock.now())
        offer = self._offer(row)
        for mitra_id in asked:
            self._offers[mitra_id] = None
            self._mitras.ref(mitra_id).tell(ShowOffer(offer))

    # what mitras say

    async def _accept(self, row: PairingRow, mitra_id: UUID) -> Accepted | Lost:
        if mitra_id not in self._offers:
            return Lost("not_found")
        if row.status == "paired" and row.session_id is not None:
            won = mitra_id == self._winner
            return Accepted(row.session_id) if won else Lost("already_taken")
        if row.status != "searching":
            return Lost("request_closed")
        if self._offers[mitra_id] is not None:
            return Lost(rules.why_closed(self._offers[mitra_id]))
        presence = self._mitras.ref(mitra_id)
        reserved = await presence.ask(Reserve(self._id))
        if reserved != "reserved":
            return Lost(reserved)
        try:
            won_as = await self._store.win(
                row, mitra_id, Slots(self._knobs.current.max_customers_per_mitra), self.clock.now()
            )
        except ActorError:
            presence.tell(Release(self._id))
            raise
        if isinstance(won_as, UUID):
            self._won(row, mitra_id, won_as)
            return Accepted(won_as)
        presence.tell(Release(self._id))
        if won_as == "request_closed":
            # The payment was cancelled or has expired under the search.
            await self._fail(row, Failure("payment_session_expired", is_terminal=True))
        return Lost(won_as)

    def _won(self, row: PairingRow, mitra_id: UUID, session_id: UUID) -> None:
        """Committed: tell everyone whom it concerns."""
        self._winner = mitra_id
        moved = SessionMoved(session_id, "active", self._id)
        self._mitras.tell_running(mitra_id, moved)
        self._customers.tell_running(row.customer_id, moved)
        self._sessions.ref(session_id).tell(Announce())
        self._mitras.ref(mitra_id).tell(HideOffer(self._id, "accepted_elsewhere"))
        self._offers[mitra_id] = "accepted"
        self._frames.payment(row, "consumed")
        self._closed(_with(row, "paired", session_id=session_id), "taken")

    async def _decline(self, row: PairingRow, mitra_id: UUID) -> bool:
        if mitra_id not in self._offers:
            return False
        if row.status == "searching" and self._offers[mitra_id] is None:
            await self._store.settle(self._id, mitra_id, "declined", self.clock.now())
            self._offers[mitra_id] = "declined"
            self._mitras.ref(mitra_id).tell(HideOffer(self._id, "declined"))
            failure = rules.after_decline(row.request_type, self._offers.values())
            if failure is not None:
                await self._fail(row, failure)
        return True

    async def _left(self, row: PairingRow, mitra_id: UUID, reason: Fate) -> None:
        if row.status != "searching" or self._offers.get(mitra_id, reason) is not None:
            return
        await self._store.settle(self._id, mitra_id, reason, self.clock.now())
        self._offers[mitra_id] = reason
        failure = rules.after_leaving(row.request_type)
        if failure is not None:
            await self._fail(row, failure)

    # the end

    async def _cancel(self, row: PairingRow, customer_id: UUID) -> PairingView | Refusal:
        if customer_id != row.customer_id:
            return Refusal("not_found")
        waiting = row.status == "searching" or (row.status == "failed" and not row.is_terminal)
        if not (waiting and await self._store.cancel(row, self.clock.now())):
            return Refusal("nothing_to_cancel")
        closed = _with(row, "cancelled", failure=Failure("customer_cancelled", is_terminal=True))
        self._frames.payment(row, "failed_pairing")
        self._closed(closed, "cancelled")
        return self._view(closed)

    async def _fail(self, row: PairingRow, failure: Failure) -> None:
        if row.status != "searching":
            return  # a deadline or a decline that crossed an accept
        if not await self._store.fail(row, failure, "expired", self.clock.now()):
            raise Unavailable  # closed by another owner: read it back
        if failure.is_terminal:
            self._frames.payment(row, "failed_pairing")
        self._frames.failed(row, failure)
        self._closed(_with(row, "failed", failure=failure), "expired")

    def _closed(self, row: PairingRow, fate: Fate) -> None:
        """The search is over and committed: close what is open."""
        self._row = row
        for mitra_id, open_fate in self._offers.items():
            if open_fate is None:
                self._offers[mitra_id] = fate
                self._mitras.ref(mitra_id).tell(HideOffer(self._id, HIDDEN[fate]))
        self._keeper.tell(Unwatch(self._id))
        self._customers.tell_running(row.customer_id, SearchMoved(self._id, is_running=False))
        self.deadlines.clear("window")
        self.deadlines.after("forgotten", GRACE, Forgotten())

    # what others see

    def _offer(self, row: PairingRow) -> Offer:
        return Offer(
            pairing_id=self._id,
            request_type=row.request_type,
            customer=OfferCustomer(self._frames.name_for_mitra(row.customer_name)),
            duration_minutes=row.duration_minutes,
            topics=row.topics,
            sensitivity=row.sensitivity,
            is_free_trial=row.is_free_trial,
            expires_at=row.expires_at,
            expires_in_seconds=max(0, round(self.clock.seconds_until(row.expires_at))),
        )

    def _view(self, row: PairingRow) -> PairingView:
        return PairingView(
            id=row.id,
            payment_request_id=row.payment_request_id,
            request_type=row.request_type,
            status=row.status,
            cause_tag=row.cause_tag,
            is_terminal=row.is_terminal,
            expires_at=row.expires_at,
            mitras_notified=len(self._offers),
            session_id=row.session_id,
        )

    def info(self) -> dict[str, object]:
        if self._row is None:
            return {}
        return {
            "status": self._row.status,
            "type": self._row.request_type,
            "offers": len(self._offers),
            "open_offers": sum(fate is None for fate in self._offers.values()),
        }


def _with(
    row: PairingRow,
    status: PairingStatus,
    *,
    session_id: UUID | None = None,
    failure: Failure | None = None,
) -> PairingRow:
    """The row as the commit has left it."""
    return msgspec.structs.replace(
        row,
        status=status,
        session_id=session_id,
        cause_tag=failure and failure.cause,
        is_terminal=failure and failure.is_terminal,
    )


def _answer_of_nothing(message: PairingMessage) -> Refusal | Lost | bool | None:
    """What someone hears who asks a search that never began."""
    match message:
        case Accept():
            return Lost("not_found")
        case Decline():
            return False
        case Cancel():
            return Refusal("nothing_to_cancel")
        case _:
            return None
