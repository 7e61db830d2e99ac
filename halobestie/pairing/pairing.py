"""One search for a mitra: from a confirmed payment to the first accept, or to none.

A Pairing searches until the first Accept that commits, a Cancel, or its window's end.
It then stays for GRACE, so that late mitras hear why they lost. Search and offers are
rows, written before anybody hears of them, so a crash costs one restart and no
decision; one that crashed after its end tells of it again. Who is asked: every mitra with
a free slot, also those who get one later; with a target, that mitra alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import assert_never
from uuid import UUID

from actors import Actor, ActorError, Kind, MailboxFull, Ref, Unavailable
from halobestie.knobs.messages import CurrentKnobs
from halobestie.presence.messages import (
    AccountChanged,
    BoardMessage,
    CanTake,
    MitraMessage,
    Release,
    Reserve,
    Watch,
)

from . import rules
from .herald import Herald
from .messages import (
    Accept,
    Accepted,
    Begin,
    Cancel,
    Decline,
    Forgotten,
    GetPairing,
    Lost,
    MitraLeft,
    MitrasFree,
    PairingMessage,
    PairingView,
    Refusal,
    RequestType,
    Running,
    Wake,
    WindowOver,
)
from .rows import Offers, PairingRow
from .rules import Failure, Left
from .store import PairingStore

GRACE = 30.0  # seconds that a closed search stays in memory
BEGIN_AGAIN = 1.0  # seconds after which a search is begun again that PostgreSQL kept from it
RESERVE_SECONDS = 2.0  # a presence that takes longer waits for PostgreSQL


class Pairing(Actor[PairingMessage]):
    def __init__(
        self,
        pairing_id: UUID,
        *,
        store: PairingStore,
        knobs: CurrentKnobs,
        herald: Herald,
        keeper: Ref[BoardMessage],
        mitras: Kind[MitraMessage],
    ) -> None:
        self._id = pairing_id
        self._store = store
        self._knobs = knobs
        self._herald = herald
        self._keeper = keeper
        self._mitras = mitras
        # None until it has begun. Replaced, never changed, after each commit.
        self._row: PairingRow | None = None
        self._offers = Offers()
        # Heard to be free, and not asked yet: one statement asks all that have gathered.
        self._free: set[UUID] = set()

    async def started(self) -> None:
        claimed = await self._store.claim(self._id)
        if claimed is None:  # it is about to begin, or never will
            self.deadlines.after("forgotten", GRACE, Forgotten())
            return
        row, self._offers = claimed
        self._row = row
        if row.status == "searching":
            self._herald.offer(row, self._offers.open, self._seconds_left(row))
            await self._search(row)
            # The last answer may have been committed, and the end that follows from it not.
            await self._look_whether_over(self._row)
            return
        if row.closed_at is not None and -self.clock.seconds_until(row.closed_at) < GRACE:
            # A search that has told everyone stays in memory for as long: this one crashed.
            self._herald.ended(row, self._offers)
        self.deadlines.after("forgotten", GRACE, Forgotten())

    async def receive(
        self, message: PairingMessage
    ) -> PairingView | Running | Refusal | Accepted | Lost | bool | None:
        if isinstance(message, Begin):
            return await self._begin(message)
        row = self._row
        if row is None:
            if "begin" not in self.deadlines:
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
                return row.view(len(self._offers.asked))
            case MitrasFree(mitra_ids):
                self._free.update(mitra_ids)
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

    async def flush(self) -> None:
        """Ask everyone who was heard to be free since the last time."""
        if self._free and self._row is not None:
            await self._ask(self._row, {})

    # the search

    async def _begin(self, begin: Begin) -> PairingView | Running | Refusal | None:
        if self._row is not None:  # told twice
            return self._row.view(len(self._offers.asked))
        knobs = self._knobs.current
        windows: dict[RequestType, int] = {
            "blast": knobs.pairing_blast_timeout_seconds,
            "returning": knobs.returning_chat_confirmation_timeout_seconds,
        }
        try:
            opened = await self._store.open(self._id, begin, windows, self.clock.now())
        except Unavailable:
            if begin.customer_id is None:  # the house's own word: nobody repeats it soon
                self.deadlines.after("begin", BEGIN_AGAIN, begin)
                return None
            raise
        if isinstance(opened, Running) and opened.pairing_id == self._id:
            raise Unavailable("opened by a commit whose answer was lost: read it back")
        if not isinstance(opened, PairingRow):
            self.stop()
            return opened
        self.deadlines.clear("forgotten")
        self._row = opened
        self._herald.opened(opened)
        await self._search(opened)
        if self._row.status == "failed":
            return Refusal("targeted_mitra_offline")
        return self._row.view(len(self._offers.asked))

    async def _search(self, row: PairingRow) -> None:
        """Ask who is free now and hear of those who become free; mind the window."""
        self.deadlines.set("window", row.expires_at, WindowOver())
        if row.expires_at <= self.clock.now():
            return
        target = row.targeted_mitra_id
        if target is None:
            online = await self._keeper.ask(Watch(self._id))
            self._free.update(online.free)
            await self._ask(row, dict.fromkeys(online.full, "at_capacity"))
        elif target not in self._offers.asked:
            stands = await self._mitras.ref(target).ask(CanTake())
            if stands == "free":
                self._free.add(target)
                await self._ask(row, {})
            else:
                await self._ask(row, {target: stands})
                await self._fail(row, Failure("targeted_mitra_offline"))

    async def _ask(self, row: PairingRow, passed_over: Mapping[UUID, Left]) -> None:
        """Ask all who are free and may be asked, and note who is passed over."""
        free, self._free = self._free, set()
        if row.status != "searching":
            return
        known = self._offers
        asked = rules.to_ask(known.asked, free)
        passed = {
            mitra_id: why
            for mitra_id, why in passed_over.items()
            if mitra_id not in known.asked and mitra_id not in known.passed_over
        }
        if not asked and not passed:
            return
        connected = self._herald.connected(asked)
        await self._store.offer(row, asked, passed, self.clock.now(), connected=connected)
        known.passed_over.update(passed)
        known.ask(asked)
        self._herald.offer(row, asked, self._seconds_left(row))

    # what mitras say

    async def _accept(self, row: PairingRow, mitra_id: UUID) -> Accepted | Lost:
        if mitra_id not in self._offers.asked:
            return Lost("not_found")
        if row.status == "paired" and row.session_id is not None:
            won = mitra_id == self._offers.winner
            return Accepted(row.session_id) if won else Lost("already_taken")
        if row.status != "searching" or self._offers.asked[mitra_id] == "declined":
            return Lost("request_closed")
        # One who had left may be back, and the news of it under way: their presence knows.
        presence = self._mitras.ref(mitra_id)
        try:
            reserved = await presence.ask(Reserve(self._id), timeout=RESERVE_SECONDS)
        except ActorError:
            self._release(presence)  # it may come to reserve all the same
            return Lost("unavailable")
        if reserved != "reserved":
            return Lost(reserved)
        return await self._win(row, mitra_id, presence)

    async def _win(
        self, row: PairingRow, mitra_id: UUID, presence: Ref[MitraMessage]
    ) -> Accepted | Lost:
        at = self.clock.now()
        try:
            won = await self._store.win(
                row, mitra_id, self._knobs.current.max_customers_per_mitra, at
            )
        except ActorError:
            self._release(presence)
            raise
        if isinstance(won, UUID):
            closed = row.closed("paired", at, session_id=won)
            self._offers.asked[mitra_id] = "accepted"
            self._herald.won(closed, mitra_id)
            self._ended(closed)
            return Accepted(won)
        self._release(presence)
        if won == "request_closed":
            # The payment has ended under the search: nobody can use it any more.
            await self._fail(row, Failure("payment_session_expired", is_terminal=True))
        else:
            presence.tell(AccountChanged())  # the rows know better than it did
        return Lost(won)

    def _release(self, presence: Ref[MitraMessage]) -> None:
        with suppress(MailboxFull):  # then the reservation ends by its age
            presence.tell(Release(self._id))

    async def _decline(self, row: PairingRow, mitra_id: UUID) -> bool:
        if mitra_id not in self._offers.asked:
            return False
        if row.status == "searching" and self._offers.asked[mitra_id] is None:
            await self._store.settle(row, mitra_id, "declined", self.clock.now())
            self._offers.asked[mitra_id] = "declined"
            self._herald.declined(row, mitra_id)
            await self._look_whether_over(row)
        return True

    async def _left(self, row: PairingRow, mitra_id: UUID, reason: Left) -> None:
        if row.status == "searching" and self._offers.asked.get(mitra_id, reason) is None:
            await self._store.settle(row, mitra_id, reason, self.clock.now())
            self._offers.asked[mitra_id] = reason
            await self._look_whether_over(row)

    async def _look_whether_over(self, row: PairingRow) -> None:
        failure = rules.after_answer(row.request_type, self._offers.asked.values())
        if failure is not None:
            await self._fail(row, failure)

    # the end

    async def _cancel(self, row: PairingRow, customer_id: UUID) -> PairingView | Refusal:
        if customer_id != row.customer_id:
            return Refusal("not_found")
        at = self.clock.now()
        if not (row.can_be_cancelled and await self._store.cancel(row, at)):
            return Refusal("nothing_to_cancel")
        cancelled = Failure("customer_cancelled", is_terminal=True)
        self._ended(row.closed("cancelled", at, failure=cancelled))
        return row.closed("cancelled", at, failure=cancelled).view(len(self._offers.asked))

    async def _fail(self, row: PairingRow, failure: Failure) -> None:
        if row.status != "searching":
            return  # a deadline or an answer that crossed the end
        at = self.clock.now()
        push = not self._herald.connected([row.customer_id])
        await self._store.fail(row, failure, at, push=push)
        self._ended(row.closed("failed", at, failure=failure))

    def _ended(self, row: PairingRow) -> None:
        """The end is committed."""
        self._row = row
        self.deadlines.clear("window")
        self.deadlines.after("forgotten", GRACE, Forgotten())
        self._herald.ended(row, self._offers)

    def _seconds_left(self, row: PairingRow) -> float:
        return self.clock.seconds_until(row.expires_at)

    def info(self) -> dict[str, object]:
        if self._row is None:
            return {}
        return {
            "status": self._row.status,
            "type": self._row.request_type,
            "offers": len(self._offers.asked),
            "open_offers": len(self._offers.open),
            "passed_over": len(self._offers.passed_over),
        }


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
