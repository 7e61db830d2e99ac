"""What a search is made of, as its owner holds it in memory."""

from datetime import datetime
from uuid import UUID

import msgspec

from .messages import PairingStatus, PairingView, RequestType
from .rules import Failure, Fate


class PairingRow(msgspec.Struct, frozen=True):
    """One search as it was last committed, with what its offers show."""

    id: UUID
    payment_request_id: UUID
    customer_id: UUID
    customer_name: str
    request_type: RequestType
    targeted_mitra_id: UUID | None
    status: PairingStatus
    cause_tag: str | None
    is_terminal: bool | None
    expires_at: datetime
    closed_at: datetime | None
    session_id: UUID | None
    epoch: int
    duration_minutes: int
    topics: tuple[str, ...]
    sensitivity: str
    is_free_trial: bool
    payment_expires_at: datetime

    @property
    def failure(self) -> Failure | None:
        """Why it has failed, if it has."""
        if self.status != "failed" or self.cause_tag is None:
            return None
        return Failure(self.cause_tag, is_terminal=bool(self.is_terminal))  # type: ignore[arg-type]  # it is what `fail` has stored

    @property
    def can_be_cancelled(self) -> bool:
        """It runs, or another search of its payment could begin."""
        return self.status == "searching" or (self.status == "failed" and not self.is_terminal)

    def closed(
        self,
        status: PairingStatus,
        at: datetime,
        *,
        session_id: UUID | None = None,
        failure: Failure | None = None,
    ) -> "PairingRow":
        """The row as the commit that ended it has left it."""
        return msgspec.structs.replace(
            self,
            status=status,
            closed_at=self.closed_at or at,
            session_id=session_id,
            cause_tag=failure and failure.cause,
            is_terminal=failure and failure.is_terminal,
        )

    def view(self, mitras_notified: int) -> PairingView:
        """The contract's PAIRING."""
        return PairingView(
            id=self.id,
            payment_request_id=self.payment_request_id,
            request_type=self.request_type,
            status=self.status,
            cause_tag=self.cause_tag,
            is_terminal=self.is_terminal,
            expires_at=self.expires_at,
            mitras_notified=mitras_notified,
            session_id=self.session_id,
        )


class Offers:
    """Every mitra whom a search has considered, and what became of it; None is open."""

    def __init__(self) -> None:
        self.asked: dict[UUID, Fate | None] = {}
        # Online without a free slot when the search looked; not asked so far.
        self.passed_over: set[UUID] = set()

    def ask(self, mitra_ids: list[UUID]) -> None:
        """Committed: these are asked (again)."""
        self.asked.update(dict.fromkeys(mitra_ids))
        self.passed_over.difference_update(mitra_ids)

    @property
    def open(self) -> list[UUID]:
        """Those whose answer is awaited; once the search is closed, those it was open for."""
        return [mitra for mitra, fate in self.asked.items() if fate is None]

    @property
    def winner(self) -> UUID | None:
        """Who has accepted."""
        return next((m for m, fate in self.asked.items() if fate == "accepted"), None)
