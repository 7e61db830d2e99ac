"""The knobs, for operators."""

from typing import Any

import msgspec
from quart.wrappers import Response

from halobestie.knobs.messages import Knobs
from halobestie.knobs.rules import schema
from halobestie.web import Area, house, ok, signed_in
from halobestie.web.bodies import read_body

control = Area("/internal", users=("cc_user",))
areas = (control,)


class Config(msgspec.Struct, frozen=True, rename={"of_each": "schema"}):
    """Every knob's value, what the environment says, and what each knob may be."""

    values: Knobs
    env: dict[str, int | str]
    of_each: dict[str, dict[str, object]]


_changes = msgspec.json.Decoder(dict[str, Any])


@control.get("/config", answers={200: Config})
async def get_config() -> Response:
    """All knobs with their schema, and beside them what only the environment can change."""
    return ok(_config(house().knobs.current))


@control.patch(
    "/config",
    answers={200: Config},
    refuses=("400 invalid_json", "415 unsupported_media_type", "422 validation_failed"),
)
async def change_config() -> Response:
    """Change knobs: `{key: value, …}`, all or none.

    422 names each bad key, and then nothing is changed. In force on every node within a
    second, for what starts from then on: windows that run keep the length they began with.
    """
    wanted = await read_body(_changes)
    return ok(_config(await house().knobs.change(wanted, signed_in().id, house().clock.now())))


def _config(values: Knobs) -> Config:
    settings = house().settings
    env: dict[str, int | str] = {
        "mitra_heartbeat_cadence_seconds": settings.mitra_heartbeat_cadence_seconds,
        "otp_cooldown_seconds": settings.otp_cooldown_seconds,
        "xendit_enabled": settings.xendit_enabled,
        "xendit_poll_seconds": settings.xendit_poll_seconds,
        "halobestie_env": settings.halobestie_env,
    }
    return Config(values, env, schema(house().knobs.limits))
