"""What operators are shown of searches."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from .messages import PairingStatus, RequestType
from .rules import Left, Response


class Named(Struct, frozen=True):
    """A person, as operators see them."""

    id: UUID
    display_name: str


class PairingReport(Struct, frozen=True, kw_only=True):
    """One search. Times in UTC; `seconds` from its beginning to its end."""

    id: UUID
    payment_request_id: UUID
    customer: Named
    request_type: RequestType
    targeted_mitra: Named | None
    status: PairingStatus
    cause_tag: str | None
    is_terminal: bool | None
    started_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    seconds: float | None
    session_id: UUID | None
    mitra: Named | None
    """Who has accepted."""
    mitras_notified: int
    mitras_declined: int
    mitras_seen: int


class OfferReport(Struct, frozen=True, kw_only=True):
    """One mitra in one search.

    `response`: `accepted`, `declined`, `offline`, `at_capacity`; `taken`, `cancelled`,
    `expired` for an offer that was open when the search ended; `waiting` while it runs.
    A mitra without `offered_at` was not asked, and `reason` says why.
    """

    mitra: Named
    channel: str | None
    offered_at: datetime | None
    seen_at: datetime | None
    response: Response
    responded_at: datetime | None
    reason: Left | None = None


class PairingDetail(Struct, frozen=True):
    """One search, explained."""

    pairing: PairingReport
    explanation: str
    """Why it ended so, in one sentence."""
    offers: tuple[OfferReport, ...]
    """Who was asked, in the order of asking."""
    not_offered: tuple[OfferReport, ...]
    """Which active mitras were not, and why."""


class MitraCounts(Struct, frozen=True):
    """What a mitra was offered since a moment."""

    offers: int = 0
    accepts: int = 0
    declines: int = 0


_SENTENCES = {
    "no_mitra_available": "Nobody accepted before the window was over.",
    "all_mitras_rejected": "Everybody who could have come has declined.",
    "targeted_mitra_rejected": "The one mitra who was asked has declined.",
    "targeted_mitra_timeout": "The one mitra who was asked did not answer in time.",
    "targeted_mitra_offline": "The one mitra who was wanted was offline or had no free slot.",
    "customer_cancelled": "The customer, or the closing of the account, has cancelled it.",
    "payment_session_expired": "The payment has expired before anybody accepted.",
}


def explain(report: PairingReport) -> str:
    """Why the search ended as it did."""
    asked = f"{report.mitras_notified} asked, {report.mitras_declined} declined."
    if report.status == "paired" and report.mitra is not None:
        return f"{report.mitra.display_name} accepted first. {asked}"
    if report.status == "searching":
        return f"It still runs. {asked}"
    sentence = _SENTENCES.get(report.cause_tag or "", "It has ended.")
    return f"{sentence} {asked}"
