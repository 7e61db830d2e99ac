"""What a node is made of: every service and every kind of actor, and who knows whom.

Features know one another's messages only; here each gets the ports it asked for. The
order of registration is the order of the tree, and reversed the order of the drain.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from actors import ActorError, ActorSystem, Kind, MailboxFull
from halobestie.accounts.audit import write_audit
from halobestie.accounts.messages import Ports
from halobestie.accounts.otp import CodeSender
from halobestie.accounts.service import Accounts
from halobestie.accounts.social import Keys
from halobestie.adapters.postgres import Connection, Database, Dedicated
from halobestie.adapters.valkey import Valkey
from halobestie.chat.frames import SessionFrames
from halobestie.chat.herald import Herald
from halobestie.chat.history import Histories, Transcripts
from halobestie.chat.journal import Journal
from halobestie.chat.messages import CloseAccount, SendMessage
from halobestie.chat.operators import SessionDesk
from halobestie.chat.session import ChatSession
from halobestie.chat.store import CustomerSessions, SessionStore, extensions_in_use
from halobestie.chat.surroundings import Surroundings
from halobestie.export import exports
from halobestie.figures import Figures
from halobestie.health import Health, HealthWatch
from halobestie.house import House
from halobestie.knobs.keeper import KnobBoard, KnobKeeper
from halobestie.knobs.rules import Limits
from halobestie.pairing.herald import Herald as SearchHerald
from halobestie.pairing.messages import Begin, Cancel, GetPairing
from halobestie.pairing.pairing import Pairing
from halobestie.pairing.searches import PaymentUses, Searches
from halobestie.pairing.store import PairingStore
from halobestie.payments.frames import PaymentStatusFrame
from halobestie.payments.gateway import Gateway
from halobestie.payments.messages import PaidRequest, StatusChange
from halobestie.payments.operators import MoneyDesk
from halobestie.payments.poller import Poller
from halobestie.payments.reconciler import Reconciler, Reconciliation
from halobestie.payments.service import Payments
from halobestie.presence.board import Board, BoardKeeper
from halobestie.presence.customer import CustomerPresence
from halobestie.presence.desk import OfferDesk
from halobestie.presence.messages import AccountChanged, KnobsChanged, Reason, SetOnline
from halobestie.presence.mitra import MitraPresence
from halobestie.presence.store import PresenceStore
from halobestie.push.messages import LookNow
from halobestie.push.outbox import Outbox
from halobestie.push.ports import Courier
from halobestie.push.sender import Sender
from halobestie.roster import Roster
from halobestie.settings import Settings
from halobestie.testdata import TestData

SEARCH_BEGINS_WITHIN = 3.0  # seconds that the answer to a confirmation waits for its search


@dataclass
class Outside:
    """What the node has opened to the world."""

    settings: Settings
    db: Database
    journal_db: Dedicated  # its own, so that no message waits in the pool's queue
    valkey: Valkey
    gateway: Gateway | None
    courier: Courier | None
    sender: CodeSender
    google_keys: Keys
    apple_keys: Keys
    announce_knobs: Callable[[], None]


class Uses:
    """Who uses a paid request: a search, or an extension that waits for an answer."""

    def __init__(self) -> None:
        self._searches = PaymentUses()

    async def in_use(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        """See the ports of payments."""
        searched = await self._searches.in_use(conn, payment_ids)
        return searched | await extensions_in_use(conn, payment_ids)

    async def never_searched(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        """See the ports of payments."""
        return await self._searches.never_searched(conn, payment_ids)


def furnish(outside: Outside, system: ActorSystem, health: Health) -> House:
    """A whole house; its static services start with the next turn of the loop."""
    settings, db, clock = outside.settings, outside.db, system.clock
    roster, board = Roster(), Board()
    session_frames = SessionFrames(roster)
    presence_store = PresenceStore(db, write_audit)

    knobs = KnobBoard(
        db,
        Limits(settings.mitra_heartbeat_cadence_seconds, development=not settings.production),
        audit=write_audit,
        announce=outside.announce_knobs,
        changed=lambda: mitras.tell_all(KnobsChanged()),
    )

    def announce_status(change: StatusChange) -> None:
        frame = PaymentStatusFrame(change.payment_request_id, change.status)
        roster.deliver(change.customer_id, msgspec.json.encode(frame))

    def announce_confirmed(paid: PaidRequest) -> None:
        # The first search of a payment has its id, so that announcing twice is no second one.
        pairings.ref(paid.id).tell(Begin(paid.id))

    async def search_begun(payment_id: UUID) -> None:
        with suppress(ActorError):
            await pairings.ref(payment_id).ask(GetPairing(), timeout=SEARCH_BEGINS_WITHIN)

    payments = Payments(
        db=db,
        clock=clock,
        knobs=knobs,
        gateway=outside.gateway,
        sessions=CustomerSessions(),
        announce_confirmed=announce_confirmed,
        announce_status=announce_status,
        search_begun=search_begun,
    )
    searches, transcripts = Searches(db), Transcripts(db)

    def send_pushes() -> None:
        try:
            sender.tell(LookNow())
        except MailboxFull:
            pass  # it is about to look

    outbox = Outbox(db, send_pushes)
    session_store = SessionStore(db, payments, outbox, write_audit)
    pairing_store = PairingStore(db, payments, outbox)

    # services
    system.spawn("knobs", lambda: KnobKeeper(knobs), group="services")
    system.spawn("health", lambda: HealthWatch(health, db, outside.valkey), group="services")
    journal = system.spawn(
        "journal", lambda: Journal(outside.journal_db, sessions), group="services", capacity=50_000
    )
    keeper = system.spawn(
        "availability",
        lambda: BoardKeeper(board, roster, mitras, pairings),
        group="services",
        capacity=10_000,
    )
    desk = system.spawn("offers", lambda: OfferDesk(mitras), group="services", capacity=10_000)
    herald = system.spawn(
        "herald", lambda: Herald(db, outbox, sessions), group="services", capacity=50_000
    )
    sender = system.spawn(
        "push",
        lambda: Sender(outbox, outside.courier, accounts.devices.forget_dead, Random()),
        group="services",
        capacity=16,
    )
    uses = Uses()
    system.spawn(
        "reconciler",
        lambda: Reconciler(Reconciliation(db, clock, payments, uses)),
        group="services",
    )
    invoices = payments.invoices
    if invoices is not None and settings.xendit_poll_seconds:
        every = timedelta(seconds=settings.xendit_poll_seconds)
        system.spawn("poller", lambda: Poller(payments, invoices, every), group="services")

    # people, searches, sessions, sockets
    mitras = system.kind(
        "mitra",
        lambda key: MitraPresence(
            key,
            store=presence_store,
            roster=roster,
            knobs=knobs,
            cadence_seconds=settings.mitra_heartbeat_cadence_seconds,
            board=keeper,
            pairings=pairings,
        ),
        group="presence",
        capacity=10_000,  # every search of a busy evening may offer within one second
    )
    customers = system.kind(
        "customer",
        lambda key: CustomerPresence(key, store=presence_store, roster=roster),
        group="presence",
    )
    pairings = system.kind(
        "pairing",
        lambda key: Pairing(
            key,
            store=pairing_store,
            knobs=knobs,
            herald=search_herald,
            keeper=keeper,
            mitras=mitras,
        ),
        group="pairings",
    )
    sessions = system.kind(
        "session",
        lambda key: ChatSession(key, around),
        group="sessions",
    )
    search_herald = SearchHerald(
        roster=roster,
        knobs=knobs,
        announce_status=announce_status,
        keeper=keeper,
        desk=desk,
        mitras=mitras,
        customers=customers,
        sessions=sessions,
    )
    around = Surroundings(
        store=session_store,
        transcripts=transcripts,
        journal=journal,
        herald=herald,
        frames=session_frames,
        knobs=knobs,
        board=board,
        mitras=mitras,
        customers=customers,
        announce_status=announce_status,
        told={},
    )
    sockets: Kind[Any] = system.kind("socket", None, group="sockets", capacity=256)

    def tell_sender(message: object) -> None:
        """A message that no session will handle: its app is to send it again."""
        if isinstance(message, SendMessage) and message.socket_id is not None:
            session_frames.refused(
                None, message.user_id, message.client_message_id, "unavailable", message.socket_id
            )

    system.dead_letters.watch(SendMessage, tell_sender)

    async def go_offline(mitra_id: UUID, reason: Reason) -> None:
        await mitras.ref(mitra_id).ask(SetOnline(False, reason))

    async def mitra_deactivated(mitra_id: UUID) -> None:
        await go_offline(mitra_id, "deactivated")
        mitras.tell_running(mitra_id, AccountChanged())

    async def mitra_changed(mitra_id: UUID) -> None:
        mitras.tell_running(mitra_id, AccountChanged())

    async def mitra_signed_out(mitra_id: UUID) -> None:
        await go_offline(mitra_id, "logout")

    async def customer_gone(customer_id: UUID) -> None:
        """Settle what was paid, cancel the search, close the session.

        In this order: once no payment is confirmed, no search can begin, and one that
        runs cannot become a session.
        """

        async def work(conn: Connection) -> Sequence[StatusChange]:
            return await payments.close_account(conn, customer_id, at=clock.now())

        payments.announce(await db.transaction(work))
        pairing_id = await searches.running_of_customer(customer_id)
        if pairing_id is not None:
            await pairings.ref(pairing_id).ask(Cancel(customer_id))
        for session_id in await transcripts.unfinished_of_customer(customer_id):
            await sessions.ref(session_id).ask(CloseAccount())

    accounts = Accounts(
        db=db,
        valkey=outside.valkey,
        clock=clock,
        settings=settings,
        knobs=knobs,
        ports=Ports(
            close_sockets=roster.sign_out,
            customer_gone=customer_gone,
            mitra_deactivated=mitra_deactivated,
            mitra_changed=mitra_changed,
            mitra_signed_out=mitra_signed_out,
            online_mitras=lambda: board.online,
            exports=exports(db),
        ),
        sender=outside.sender,
        google_keys=outside.google_keys,
        apple_keys=outside.apple_keys,
    )
    return House(
        settings=settings,
        clock=clock,
        started_at=clock.now(),
        health=health,
        statistics={"database": db.statistics, "valkey": outside.valkey.statistics},
        accounts=accounts,
        knobs=knobs,
        testdata=TestData(db, clock, payments),
        payments=payments,
        money=MoneyDesk(db, clock, payments, write_audit),
        figures=Figures(db),
        searches=searches,
        presence_store=presence_store,
        transcripts=transcripts,
        histories=Histories(
            db,
            online=lambda: board.online,
            mitra_sees_names=lambda: knobs.current.mitra_sees_customer_name,
        ),
        session_desk=SessionDesk(db, online=lambda: board.online),
        outbox=outbox,
        pairing_views=searches.views,
        roster=roster,
        board=board,
        system=system,
        mitras=mitras,
        customers=customers,
        pairings=pairings,
        sessions=sessions,
        sockets=sockets,
    )
