"""What is for sale, to whom. Pure: no await, no clock, no database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from halobestie.knobs.messages import Knobs, PricingTier, Topic

from .messages import CURRENCY, FREE_TRIAL_TIER, Sensitivity


class Tier(Struct, frozen=True):
    """One thing that a customer may choose."""

    id: str
    label: str
    duration_minutes: int
    amount: int
    is_free_trial: bool


class Pricing(Struct, frozen=True):
    """A price list."""

    is_free_trial_eligible: bool
    tiers: tuple[Tier, ...]
    currency: str = CURRENCY


Unsold = Literal["unknown_tier", "free_trial_used", "free_trial_not_allowed"]


def free_trial(knobs: Knobs) -> Tier:
    """The trial, as a tier."""
    minutes = knobs.free_trial_duration_minutes
    return Tier(FREE_TRIAL_TIER, f"Gratis {minutes} menit", minutes, 0, is_free_trial=True)


def paid(tier: PricingTier) -> Tier:
    """A tier of the price list."""
    return Tier(tier.id, tier.label, tier.duration_minutes, tier.amount, is_free_trial=False)


def price_list(knobs: Knobs, *, has_transactions: bool) -> Pricing:
    """What one customer is shown: the trial alone while it is to be had, else every tier."""
    if knobs.free_trial_enabled and not has_transactions:
        return Pricing(is_free_trial_eligible=True, tiers=(free_trial(knobs),))
    return extension_prices(knobs)


def extension_prices(knobs: Knobs) -> Pricing:
    """What more time costs. Never a trial."""
    return Pricing(is_free_trial_eligible=False, tiers=tuple(map(paid, knobs.pricing_tiers)))


def choose(
    knobs: Knobs,
    tier_id: str | None,
    duration_minutes: int | None,
    *,
    has_transactions: bool,
    is_extension: bool,
) -> Tier | Unsold:
    """The tier that is meant, or why it cannot be bought.

    By id if there is one, else by length. A length means the paid tier of that length
    and only without one the trial, so that nobody uses up the trial by accident.
    """
    for tier in (*map(paid, knobs.pricing_tiers), free_trial(knobs)):
        if tier.id == tier_id or (tier_id is None and tier.duration_minutes == duration_minutes):
            break
    else:
        return "unknown_tier"
    if not tier.is_free_trial:
        return tier
    if is_extension:
        return "free_trial_not_allowed"
    if not knobs.free_trial_enabled:
        return "unknown_tier"
    return "free_trial_used" if has_transactions else tier


def sensitivity(topics: Sequence[str], known: Sequence[Topic]) -> Sensitivity:
    """How careful a talk about these topics is to be, where the customer did not say."""
    careful = {topic.id for topic in known if topic.is_sensitive}
    return "sensitive" if careful & set(topics) else "regular"


def reusable(left: timedelta, window: timedelta) -> bool:
    """Whether a pending request with that much time left is worth paying."""
    return left * 2 >= window
