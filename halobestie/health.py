"""How the node is: what `/readyz` and the metrics say.

The HealthWatch looks every second whether PostgreSQL and Valkey answer. Without
PostgreSQL the node is degraded; without Valkey a single node goes on in full, and
says so.
"""

from typing import Literal

import msgspec

from actors import Actor, Unavailable
from halobestie.adapters.postgres import Database, queries
from halobestie.adapters.valkey import Valkey, ValkeyAway

LOOK_EVERY = 1.0  # seconds

sql = queries("health")

Phase = Literal["starting", "serving", "draining"]


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `/readyz` says. `checks` names what is wrong, and how, while not ready."""

    status: Literal["ready", "starting", "draining", "degraded"]
    checks: dict[str, str] = {}


class Health:
    """The node's own word on its state. Read by anyone."""

    def __init__(self) -> None:
        self.phase: Phase = "starting"
        self.postgres = True
        self.valkey = True

    def readiness(self) -> Readiness:
        """What a balancer is told."""
        checks = {
            name: "away"
            for name, answers in (("postgres", self.postgres), ("valkey", self.valkey))
            if not answers
        }
        if self.phase != "serving":
            return Readiness(self.phase, checks)
        return Readiness("ready" if self.postgres else "degraded", checks)


class Look(msgspec.Struct, frozen=True):
    """It is time to look again."""


class HealthWatch(Actor[Look]):
    def __init__(self, health: Health, db: Database, valkey: Valkey) -> None:
        self._health = health
        self._db = db
        self._valkey = valkey

    async def started(self) -> None:
        await self._look()

    async def receive(self, message: Look) -> None:
        await self._look()

    async def _look(self) -> None:
        try:
            await self._db.run(sql.ping)
            self._health.postgres = True
        except Unavailable:
            self._health.postgres = False
        try:
            await self._valkey.ping()
            self._health.valkey = True
        except ValkeyAway:
            self._health.valkey = False
        self.deadlines.after("look", LOOK_EVERY, Look())

    def info(self) -> dict[str, object]:
        return {"postgres": self._health.postgres, "valkey": self._health.valkey}
