"""Asks the provider about invoices, for deployments that its callbacks cannot reach.

Each invoice is asked about until the provider has had the last word (paid, or expired),
also after the request has ended: money that came late is found all the same. Nodes share
the questions out by claiming rows.
"""

from datetime import timedelta

import structlog

from actors import Actor, Ask
from halobestie.errors import Away

from .invoices import Invoices
from .service import Payments

log = structlog.get_logger("halobestie.payments")


class AskNow(Ask[None], frozen=True):
    """It is time. Answered when all that were due have been asked about."""


class Poller(Actor[AskNow]):
    """A static service, there only with XENDIT_POLL_SECONDS."""

    def __init__(self, payments: Payments, invoices: Invoices, every: timedelta) -> None:
        self._payments = payments
        self._invoices = invoices
        self._every = every

    async def started(self) -> None:
        self._again()

    async def receive(self, message: AskNow) -> None:
        self._again()
        for row in await self._invoices.due(self._every):
            try:
                for said in await self._invoices.ask(row):
                    await self._payments.hear(said)
            except Away:
                log.warning("payment provider not reached", payment_request_id=str(row.id))
                return

    def _again(self) -> None:
        self.deadlines.set("ask", self.clock.now() + self._every, AskNow())
