"""What chat asks of other features, inside its own transactions. Wired in wiring.py."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from halobestie.adapters.postgres import Connection
from halobestie.payments.messages import PaidRequest, TerminalCause


class Purse(Protocol):
    """What becomes of the money for an extension (see `payments.service`)."""

    async def find(self, conn: Connection, payment_request_id: UUID) -> PaidRequest | None: ...

    async def consume(
        self, conn: Connection, payment_request_id: UUID, *, session_id: UUID, at: datetime
    ) -> bool: ...

    async def fail(
        self,
        conn: Connection,
        payment_request_id: UUID,
        *,
        cause_tag: TerminalCause,
        is_terminal: bool,
        targeted_mitra_id: UUID | None,
        at: datetime,
    ) -> bool: ...
