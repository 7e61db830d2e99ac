"""What handlers may reach of the running node: `house()` in a handler returns it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from actors import Clock
from halobestie.knobs.keeper import KnobBoard
from halobestie.pairing.messages import PairingView
from halobestie.payments.operators import MoneyDesk
from halobestie.payments.service import Payments
from halobestie.settings import Settings


@dataclass
class House:
    """One running node's services, by name. Made by the node, complete before it listens."""

    settings: Settings
    clock: Clock
    knobs: KnobBoard
    payments: Payments
    money: MoneyDesk
    pairing_views: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, PairingView]]]
    """The latest search of each of these payments; those without one are left out."""
