"""What a node is made of: every service and every kind of actor, and who knows whom.

Features know one another's messages only; here each gets the ports it asked for. The
order of registration is the order of the tree, and reversed the order of the drain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from actors import ActorSystem, Kind
from halobestie.accounts.audit import write_audit
from halobestie.accounts.messages import Ports
from halobestie.accounts.otp import CodeSender
from halobestie.accounts.service import Accounts
from halobestie.accounts.social import Keys
from halobestie.adapters.postgres import Connection, Database, Dedicated
from halobestie.adapters.valkey import Valkey
from halobestie.chat.frames import SessionFrames
from halobestie.chat.journal import Journal
from halobestie.chat.messages import CloseAccount, SendMessage
from halobestie.chat.session import ChatSession
from halobestie.chat.store import CustomerSessions, SessionStore, Transcripts
from halobestie.figures import Figures
from halobestie.health import Health, HealthWatch
from halobestie.house import House
from halobestie.ids import new_id
from halobestie.knobs.keeper import KnobBoard, KnobKeeper
from halobestie.knobs.rules import Limits
from halobestie.pairing.frames import Frames
from halobestie.pairing.messages import Begin, Cancel
from halobestie.pairing.pairing import Pairing
from halobestie.pairing.store import PairingStore, PaymentUses
from halobestie.payments.frames import PaymentStatusFrame
from halobestie.payments.gateway import Gateway
from halobestie.payments.messages import PaidRequest, StatusChange
from halobestie.payments.operators import MoneyDesk
from halobestie.payments.poller import Poller
from halobestie.payments.reconciler import Reconciler, Reconciliation
from halobestie.payments.service import Payments
from halobestie.presence.board import Board, BoardKeeper
from halobestie.presence.customer import CustomerPresence
from halobestie.presence.messages import LimitsChanged, Reason, SetOnline
from halobestie.presence.mitra import MitraPresence
from halobestie.presence.store import PresenceStore
from halobestie.roster import Roster
from halobestie.settings import Settings


@dataclass
class Outside:
    """What the node has opened to the world."""

    settings: Settings
    db: Database
    journal_db: Dedicated  # its own, so that no message waits in the pool's queue
    valkey: Valkey
    gateway: Gateway | None
    sender: CodeSender
    google_keys: Keys
    apple_keys: Keys
    announce_knobs: Callable[[], None]


def furnish(outside: Outside, system: ActorSystem, health: Health) -> House:
    """A whole house; its static services start with the next turn of the loop."""
    settings, db, clock = outside.settings, outside.db, system.clock
    roster, board = Roster(), Board()
    session_frames = SessionFrames(roster)
    session_store, presence_store = SessionStore(db), PresenceStore(db)

    knobs = KnobBoard(
        db,
        Limits(settings.mitra_heartbeat_cadence_seconds, development=not settings.production),
        audit=write_audit,
        announce=outside.announce_knobs,
    )

    def announce_status(change: StatusChange) -> None:
        frame = PaymentStatusFrame(change.payment_request_id, change.status)
        roster.deliver(change.customer_id, msgspec.json.encode(frame))

    def announce_confirmed(paid: PaidRequest) -> None:
        pairings.ref(new_id()).tell(Begin(paid.id))

    payments = Payments(
        db=db,
        clock=clock,
        knobs=knobs,
        gateway=outside.gateway,
        sessions=CustomerSessions(),
        announce_confirmed=announce_confirmed,
        announce_status=announce_status,
    )
    pairing_store = PairingStore(db, payments)
    transcripts = Transcripts(db)

    # services
    system.spawn("knobs", lambda: KnobKeeper(knobs), group="services")
    system.spawn("health", lambda: HealthWatch(health, db, outside.valkey), group="services")
    journal = system.spawn(
        "journal", lambda: Journal(outside.journal_db, sessions), group="services", capacity=50_000
    )
    keeper = system.spawn(
        "availability",
        lambda: BoardKeeper(board, roster, pairings),
        group="services",
        capacity=10_000,
    )
    uses = PaymentUses()
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
            frames=Frames(roster, knobs, announce_status),
            board=board,
            keeper=keeper,
            mitras=mitras,
            customers=customers,
            sessions=sessions,
        ),
        group="pairings",
    )
    sessions = system.kind(
        "session",
        lambda key: ChatSession(
            key,
            store=session_store,
            journal=journal,
            frames=session_frames,
            knobs=knobs,
            board=board,
            mitras=mitras,
            customers=customers,
        ),
        group="sessions",
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
        mitras.tell_running(mitra_id, LimitsChanged())

    async def mitra_changed(mitra_id: UUID) -> None:
        mitras.tell_running(mitra_id, LimitsChanged())

    async def mitra_signed_out(mitra_id: UUID) -> None:
        await go_offline(mitra_id, "logout")

    async def customer_gone(customer_id: UUID) -> None:
        """Cancel the search, close the session, settle what was paid."""
        pairing_id = await pairing_store.running_of_customer(customer_id)
        if pairing_id is not None:
            await pairings.ref(pairing_id).ask(Cancel(customer_id))
        for session_id in await transcripts.unfinished_of_customer(customer_id):
            await sessions.ref(session_id).ask(CloseAccount())

        async def work(conn: Connection) -> Sequence[StatusChange]:
            return await payments.close_account(conn, customer_id, at=clock.now())

        payments.announce(await db.transaction(work))

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
        payments=payments,
        money=MoneyDesk(db, clock, payments, write_audit),
        figures=Figures(db),
        pairing_store=pairing_store,
        transcripts=transcripts,
        pairing_views=pairing_store.views,
        roster=roster,
        board=board,
        system=system,
        mitras=mitras,
        customers=customers,
        pairings=pairings,
        sessions=sessions,
        sockets=sockets,
    )
