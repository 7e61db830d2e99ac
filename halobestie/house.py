"""What handlers may reach of the running node: `house()` in a handler returns it."""

from dataclasses import dataclass

from actors import Clock
from halobestie.settings import Settings


@dataclass
class House:
    """One running node's services, by name. Made by the node, complete before it listens."""

    settings: Settings
    clock: Clock
