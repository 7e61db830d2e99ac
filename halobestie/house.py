"""What handlers may reach of the running node: `house()` in a handler returns it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actors import ActorSystem, Clock, Kind
from halobestie.accounts.service import Accounts
from halobestie.chat.history import Histories, Transcripts
from halobestie.chat.messages import SessionMessage
from halobestie.chat.operators import SessionDesk
from halobestie.figures import Figures
from halobestie.health import Health
from halobestie.knobs.keeper import KnobBoard
from halobestie.pairing.messages import PairingMessage, PairingView
from halobestie.pairing.searches import Searches
from halobestie.payments.operators import MoneyDesk
from halobestie.payments.service import Payments
from halobestie.presence.board import Board
from halobestie.presence.messages import CustomerMessage, MitraMessage
from halobestie.presence.store import PresenceStore
from halobestie.push.outbox import Outbox
from halobestie.roster import Roster
from halobestie.settings import Settings
from halobestie.testdata import TestData


@dataclass
class House:
    """One running node's services, by name. Made by the node, complete before it listens."""

    settings: Settings
    clock: Clock
    started_at: datetime
    health: Health
    statistics: dict[str, Callable[[], Any]]
    """Every long-lived thing's own figures, by name."""

    # what holds no state of its own
    accounts: Accounts
    knobs: KnobBoard
    testdata: TestData
    """For test routes alone."""
    payments: Payments
    money: MoneyDesk
    figures: Figures
    searches: Searches
    presence_store: PresenceStore
    transcripts: Transcripts
    histories: Histories
    session_desk: SessionDesk
    outbox: Outbox
    pairing_views: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, PairingView]]]
    """The latest search of each of these payments; those without one are left out."""

    # who is here
    roster: Roster
    board: Board

    # the actors
    system: ActorSystem
    mitras: Kind[MitraMessage]
    customers: Kind[CustomerMessage]
    pairings: Kind[PairingMessage]
    sessions: Kind[SessionMessage]
    sockets: Kind[Any]
