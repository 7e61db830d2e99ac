"""The signed-in person's own account: name, devices, what is held, and leaving."""

from typing import Annotated, Any

from msgspec import Meta
from quart.wrappers import Response

from halobestie.accounts.devices import Platform
from halobestie.accounts.messages import DisplayName, User
from halobestie.accounts.rules import clean_name
from halobestie.quiet import Quiet
from halobestie.web import Area, house, no_content, ok, signed_in

shared = Area("/api/shared", users=("customer", "mitra"))
client = Area("/api/client", users=("customer",))
mitra = Area("/api/mitra", users=("mitra",))
areas = (shared, client, mitra)


class Profile(Quiet, frozen=True):
    """How the person wants to be called."""

    display_name: DisplayName


class Device(Quiet, frozen=True):
    """Where pushes go."""

    # 1 KiB: today's tokens have some 160 letters, and an index entry has its limits.
    fcm_token: Annotated[str, Meta(min_length=1, max_length=1024)]
    platform: Platform


@shared.get("/auth/me", answers={200: User})
async def me() -> Response:
    """The caller."""
    return ok(await house().accounts.me(signed_in()))


@client.patch("/profile", answers={200: User})
async def change_customer_profile(body: Profile) -> Response:
    """Change the customer's name."""
    name = clean_name(body.display_name)
    return ok((await house().accounts.customers.rename(signed_in().id, name)).user)


@mitra.patch("/profile", answers={200: User})
async def change_mitra_profile(body: Profile) -> Response:
    """Change the mitra's name, as customers see it."""
    name = clean_name(body.display_name)
    return ok((await house().accounts.mitras.rename(signed_in().id, name)).user)


@shared.put("/devices", answers={204: None})
async def keep_device(body: Device) -> Response:
    """Send this user's pushes to this device too, for as long as this auth session lives."""
    await house().accounts.devices.keep(signed_in(), body.fcm_token, body.platform)
    return no_content()


@shared.delete("/devices/<path:fcm_token>", answers={204: None})
async def forget_device(fcm_token: str) -> Response:
    """Send no more pushes there. Not there: done already."""
    await house().accounts.devices.forget(signed_in(), fcm_token)
    return no_content()


@client.get("/account/export", answers={200: dict[str, Any]})
async def export_account() -> Response:
    """Everything that is held about the caller, as JSON."""
    response = ok(await house().accounts.customers.export(signed_in().id))
    response.headers["Content-Disposition"] = 'attachment; filename="halobestie.json"'
    return response


@client.delete("/account", answers={204: None})
async def close_account() -> Response:
    """Leave for good.

    Personal data is erased, all tokens end, a search is cancelled and a running session
    closed. The other party keeps the transcript, without the name.
    """
    await house().accounts.customers.close(signed_in().id)
    return no_content()
