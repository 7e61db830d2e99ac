"""What a session costs, and what apps must know before anything else."""

from typing import Literal

import msgspec
from quart.wrappers import Response

from halobestie.knobs.messages import Knobs, SupportHandle, Topic
from halobestie.payments.pricing import Pricing
from halobestie.web import Area, house, ok, signed_in

client = Area("/api/client", users=("customer",))
shared = Area("/api/shared")
areas = (client, shared)


class SupportHandles(msgspec.Struct, frozen=True):
    """Where people reach the company."""

    handles: tuple[SupportHandle, ...]


class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What apps need of the knobs and of the environment."""

    heartbeat_cadence_seconds: int
    mitra_stale_after_seconds: int
    pairing_blast_timeout_seconds: int
    returning_chat_confirmation_timeout_seconds: int
    payment_session_timeout_minutes: int
    extension_timeout_seconds: int
    expired_decision_seconds: int
    closing_grace_seconds: int
    early_end_customer_enabled: bool
    early_end_mitra_enabled: bool
    anonymous_customers_enabled: bool
    payment_provider: Literal["mock", "xendit"]
    """mock: the customer's own confirm call is the payment."""
    topics: tuple[Topic, ...]


def app_config_of(knobs: Knobs, cadence: int, provider: Literal["mock", "xendit"]) -> AppConfig:
    """The part of the knobs that apps see, under the knobs' own names."""
    shown = {
        name: getattr(knobs, name) for name in AppConfig.__struct_fields__ if hasattr(knobs, name)
    }
    return AppConfig(heartbeat_cadence_seconds=cadence, payment_provider=provider, **shown)


@client.get("/pricing", answers={200: Pricing})
async def pricing() -> Response:
    """What the caller may buy.

    A customer without any confirmed payment is shown the free trial alone; the paid tiers
    may still be bought by their ids.
    """
    return ok(await house().payments.pricing(signed_in().id))


@client.get("/pricing/extension", answers={200: Pricing})
async def extension_pricing() -> Response:
    """What more time in a session costs. Never a trial."""
    return ok(house().payments.extension_pricing())


@shared.get("/support-handles", answers={200: SupportHandles})
async def support_handles() -> Response:
    """Where people reach the company."""
    return ok(SupportHandles(house().knobs.current.support_handles))


@shared.get("/app-config", answers={200: AppConfig})
async def app_config() -> Response:
    """Windows, cadences and topics, as they are now."""
    settings = house().settings
    return ok(
        app_config_of(
            house().knobs.current,
            settings.mitra_heartbeat_cadence_seconds,
            "xendit" if settings.xendit_enabled else "mock",
        )
    )
