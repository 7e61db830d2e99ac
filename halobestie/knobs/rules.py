"""Which values a knob may take. Pure: no clock, no database.

The schema is `Knobs` itself; this file reads it, and adds what types cannot say: the
heartbeat bound that comes from the environment, and uniqueness inside lists.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect

from .messages import Knobs, PricingTier

TYPES: dict[str, Any] = get_type_hints(Knobs, include_extras=True)

TEST_TIER = PricingTier("test_1", "1 menit (uji)", 1, 1_000)


class Limits(msgspec.Struct, frozen=True):
    """What the environment says about the knobs."""

    heartbeat_cadence_seconds: int
    development: bool

    @property
    def least_stale_seconds(self) -> int:
        """A mitra may lose one heartbeat without going offline."""
        return 2 * self.heartbeat_cadence_seconds


def defaults(limits: Limits) -> Knobs:
    """The values where nobody has changed anything."""
    knobs = Knobs()
    tiers = (*knobs.pricing_tiers, TEST_TIER) if limits.development else knobs.pricing_tiers
    stale = max(knobs.mitra_stale_after_seconds, limits.least_stale_seconds)
    return msgspec.structs.replace(knobs, pricing_tiers=tiers, mitra_stale_after_seconds=stale)


def changed(
    now: Knobs, wanted: Mapping[str, object], limits: Limits
) -> tuple[Knobs, dict[str, str]]:
    """`now` with the good part of `wanted`, and what is wrong with the rest, by key."""
    good: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for key, value in wanted.items():
        try:
            good[key] = _checked(key, value, limits)
        except ValueError as error:  # msgspec's ValidationError is one
            wrong[key] = str(error)
    return msgspec.structs.replace(now, **good), wrong


def _checked(key: str, value: object, limits: Limits) -> Any:
    if key not in TYPES:
        raise ValueError("there is no such knob")
    value = msgspec.convert(value, TYPES[key])
    match key, value:
        case "mitra_stale_after_seconds", int() if value < limits.least_stale_seconds:
            raise ValueError(f"Expected `int` >= {limits.least_stale_seconds}, 2 x heartbeat")
        case "pricing_tiers", tuple():
            _unique("id", [tier.id for tier in value])
            _unique("duration_minutes", [tier.duration_minutes for tier in value])
            if "free_trial" in (tier.id for tier in value):
                raise ValueError("`free_trial` is the trial's own id")
        case "topics", tuple():
            _unique("id", [topic.id for topic in value])
        case _:
            pass
    return value


def _unique(what: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"`{what}` must be unique")


def schema(limits: Limits) -> dict[str, dict[str, object]]:
    """Each knob's type, bounds, default and description, as operators' tools show them."""
    of_default = msgspec.to_builtins(defaults(limits))
    described = {key: _described(TYPES[key]) for key in TYPES}
    described["mitra_stale_after_seconds"]["min"] = limits.least_stale_seconds
    for key, value in of_default.items():
        described[key]["default"] = value
    return described


def _described(annotation: object) -> dict[str, object]:
    kind = inspect.type_info(annotation)
    text = ""
    while isinstance(kind, inspect.Metadata):  # where msgspec keeps the description
        text = str((kind.extra_json_schema or {}).get("description", text))
        kind = kind.type
    about: dict[str, object] = {"description": text}
    match kind:
        case inspect.IntType():
            about |= {"type": "int", "min": kind.ge, "max": kind.le}
        case inspect.BoolType():
            about |= {"type": "bool"}
        case inspect.LiteralType():
            about |= {"type": "choice", "choices": list(kind.values)}
        case inspect.VarTupleType():
            about |= {"type": "list", "min": kind.min_length, "max": kind.max_length}
            about["items"] = msgspec.json.schema(annotation)
        case _:
            raise TypeError(f"no knob may be of type {kind}")
    return {name: value for name, value in about.items() if value is not None}
