"""What payments ask of other features, and what they tell. Wired in node.py.

Questions are called on the asyncio side with the connection of the running transaction;
each is one query.
"""

from typing import Protocol
from uuid import UUID

from halobestie.adapters.postgres import Connection


class Sessions(Protocol):
    """What a purchase must know of chat."""

    async def running(self, conn: Connection, customer_id: UUID) -> UUID | None:
        """The customer's session that is not over, if there is one."""
        ...

    async def can_be_extended(
        self, conn: Connection, session_id: UUID, customer_id: UUID
    ) -> bool | None:
        """Whether this session of this customer may get more time; None: it is not theirs."""
        ...


class Uses(Protocol):
    """Who uses a paid request."""

    async def in_use(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        """Those with a running search or a pending extension."""
        ...

    async def never_searched(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        """Those for which no search ever began and one may begin now."""
        ...
