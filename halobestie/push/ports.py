"""What push asks of the world: somebody who delivers a message to one phone."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec


class Delivered(msgspec.Struct, frozen=True):
    """The provider has it, under this name."""

    name: str


class DeadToken(msgspec.Struct, frozen=True):
    """This token will never work again. `alert`: it is not even of this project."""

    code: str
    alert: bool = False


class TryLater(msgspec.Struct, frozen=True):
    """Not now. `after_seconds` is what the provider asked for; `everybody`: no message of
    ours would get through; `alert`: somebody must repair something first."""

    code: str
    after_seconds: float | None = None
    everybody: bool = False
    alert: bool = False


class OurMistake(msgspec.Struct, frozen=True):
    """The message is wrong, and would be wrong again."""

    code: str


Fate = Delivered | DeadToken | TryLater | OurMistake
Platform = Literal["android", "ios", "web"]


class Courier(Protocol):
    """Delivers pushes. Never raises for what the provider or the network does."""

    async def send(self, message: Mapping[str, Any]) -> Fate:
        """One message, as FCM HTTP v1 has it under `message`."""
        ...
