"""A database that fails at one chosen call of a search: before it, or after its commit."""

from collections.abc import Callable
from typing import Any

from actors import Unavailable
from halobestie.adapters.postgres import Database
from tests.nodes import TestNode

Fault = Callable[[], Exception]

FAULTS: dict[str, tuple[Fault, bool]] = {
    "away": (Unavailable, False),
    "committed, and the answer is lost": (Unavailable, True),
    "crash": (lambda: RuntimeError("a bug"), False),
    "crash after the commit": (lambda: RuntimeError("a bug"), True),
}


class Saboteur:
    """Counts what a feature asks of the database, and lets one call fail."""

    def __init__(self, node: TestNode, queries: str, store: str) -> None:
        self._queries, self._store = f"{queries}.", f"{store}."
        self._db: Database = node.house.searches._db
        self._run, self._transaction = self._db.run, self._db.transaction
        self.calls: list[str] = []
        self._at: int | None = None
        self._fault: tuple[Fault, bool] = (Unavailable, False)

    def __enter__(self) -> "Saboteur":
        self._db.run = self._run_or_fail  # type: ignore[method-assign]
        self._db.transaction = self._transact_or_fail  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._db.run, self._db.transaction = self._run, self._transaction  # type: ignore[method-assign]

    def fails(self, at: int, how: str) -> None:
        """The call with this number, counted from now, fails."""
        self.calls.clear()
        self._at, self._fault = at, FAULTS[how]

    @property
    def has_failed(self) -> bool:
        return self._at is None

    async def _run_or_fail(self, query: Any, **parameters: Any) -> Any:
        if not query.name.startswith(self._queries):
            return await self._run(query, **parameters)
        return await self._meddle(query.name, lambda: self._run(query, **parameters))

    async def _transact_or_fail(self, work: Any) -> Any:
        name = work.__qualname__
        if not name.startswith(self._store):
            return await self._transaction(work)
        return await self._meddle(name, lambda: self._transaction(work))

    async def _meddle(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if self._at is None or len(self.calls) != self._at + 1:
            return await call()
        self._at = None
        fault, after = self._fault
        if after:
            await call()
        raise fault()
