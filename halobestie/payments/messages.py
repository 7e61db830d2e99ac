"""What the rest of the house may know of payments.

Other features hold a `PaidRequest` and a few words: a status, a cause. They change a
payment only through `Payments.consume` and `Payments.fail`, inside their own transaction.
"""

from datetime import datetime
from typing import Literal, Protocol, get_args
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from halobestie.adapters.postgres import Connection
from halobestie.pairing.messages import PairingView

Status = Literal["pending", "confirmed", "consumed", "failed_pairing", "abandoned", "expired"]

RetryableCause = Literal[
    "no_mitra_available",
    "all_mitras_rejected",
    "targeted_mitra_rejected",
    "targeted_mitra_timeout",
    "targeted_mitra_offline",
]
TerminalCause = Literal[
    "customer_cancelled",
    "payment_session_expired",
    "extension_rejected",
    "extension_timeout",
    "extension_mitra_offline",
]
MoneyCause = Literal["payment_amount_mismatch", "payment_late"]
CauseTag = Literal[RetryableCause, TerminalCause, MoneyCause]

Sensitivity = Literal["regular", "sensitive"]
OperatorAction = Literal["refunded", "credited", "no_action"]

STATUSES: tuple[Status, ...] = get_args(Status)
CAUSE_TAGS: tuple[CauseTag, ...] = get_args(CauseTag)

FREE_TRIAL_TIER = "free_trial"
CURRENCY = "IDR"


class PaidRequest(Struct, frozen=True):
    """One purchase, as pairing and chat need it."""

    id: UUID
    customer_id: UUID
    status: Status
    amount: int
    duration_minutes: int
    is_free_trial: bool
    is_extension: bool
    session_id: UUID | None
    """An extension's session; else the session it paid for, once consumed."""
    targeted_mitra_id: UUID | None
    topics: tuple[str, ...]
    sensitivity: Sensitivity
    expires_at: datetime
    """A pending request ends then, and so does the search of a confirmed one."""
    confirmed_at: datetime | None


class PaymentView(Struct, frozen=True, kw_only=True):
    """The contract's PAYMENT, without its pairing."""

    id: UUID
    status: Status
    amount: int
    currency: str = CURRENCY
    duration_minutes: int
    tier_id: str
    is_free_trial: bool
    is_extension: bool
    session_id: UUID | None
    targeted_mitra_id: UUID | None
    topics: tuple[str, ...]
    sensitivity: Sensitivity
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    consumed_at: datetime | None
    xendit_invoice_url: str | None


class Payment(PaymentView, frozen=True, kw_only=True):
    """The contract's PAYMENT, with the search that it pays for."""

    pairing: PairingView | None


def with_pairing(view: PaymentView, pairing: PairingView | None) -> Payment:
    """The whole PAYMENT."""
    return Payment(**asdict(view), pairing=pairing)


class StatusChange(Struct, frozen=True):
    """A committed change that the customer's apps are to hear of."""

    customer_id: UUID
    payment_request_id: UUID
    status: Status


class Purse(Protocol):
    """What other features do with the money behind a search or an extension, inside their
    own transactions. See `Payments`."""

    async def find(
        self, conn: Connection, payment_request_id: UUID, *, lock: bool = False
    ) -> PaidRequest | None: ...

    async def consume(
        self, conn: Connection, payment_request_id: UUID, *, session_id: UUID, at: datetime
    ) -> bool: ...

    async def fail(
        self,
        conn: Connection,
        payment_request_id: UUID,
        *,
        cause_tag: RetryableCause | TerminalCause,
        is_terminal: bool,
        targeted_mitra_id: UUID | None,
        at: datetime,
        pairing_id: UUID | None = None,
    ) -> bool: ...
