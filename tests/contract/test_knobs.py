"""§9: every knob, its default and its bounds, as the contract lists them."""

from typing import Any

import pytest

from . import shapes
from .people import Town, fields_of

INTS = {  # default, min, max
    "max_customers_per_mitra": (3, 1, 50),
    "mitra_stale_after_seconds": (90, 30, 3600),
    "pairing_blast_timeout_seconds": (300, 5, 3600),
    "returning_chat_confirmation_timeout_seconds": (20, 5, 300),
    "payment_session_timeout_minutes": (20, 1, 1440),
    "extension_timeout_seconds": (10, 3, 300),
    "expired_decision_seconds": (300, 5, 3600),
    "closing_grace_seconds": (300, 5, 3600),
    "free_trial_duration_minutes": (5, 1, 120),
    "anonymous_max_sessions": (0, 0, 100),
}
BOOLS = {
    "free_trial_enabled": True,
    "early_end_customer_enabled": True,
    "early_end_mitra_enabled": False,
    "anonymous_customers_enabled": True,
    "mitra_sees_customer_name": True,
}
TIERS = [
    ("chat_12", 12, 15000),
    ("chat_30", 30, 30000),
    ("chat_60", 60, 50000),
    ("test_1", 1, 1000),
]
CONFIG = {
    "values": shapes.mapping,
    "env": {"mitra_heartbeat_cadence_seconds": {15}},
    "schema": shapes.mapping,
}
TIER = {"id": "x", "label": "X", "duration_minutes": 3, "amount": 0}


async def config(town: Town) -> Any:
    return await town.admin.gets("/internal/config", shape=CONFIG)


async def test_every_knob_has_a_schema_and_nothing_else_is_there(town: Town) -> None:
    said = await config(town)
    assert set(said["values"]) == set(said["schema"])
    named = {
        *INTS,
        *BOOLS,
        "extension_default_action_on_timeout",
        "pricing_tiers",
        "topics",
        "support_handles",
    }
    assert named <= set(said["values"])
    for entry in said["schema"].values():
        shapes.fits(
            entry, {"type": shapes.text, "default": shapes.anything, "description": shapes.text}
        )


@pytest.mark.parametrize("key", INTS)
async def test_a_number_has_its_default_and_bounds(town: Town, key: str) -> None:
    default, low, high = INTS[key]
    said = await config(town)
    entry = said["schema"][key]
    assert said["values"][key] == default
    assert (entry["default"], entry["min"], entry["max"]) == (default, low, high)
    for bad in (low - 1, high + 1, "5", 5.5, True, None, 10**30):
        problem = await town.admin.patches("/internal/config", {key: bad}, 422, "validation_failed")
        assert fields_of(problem) == {key}
    await town.knobs(**{key: low})
    assert (await config(town))["values"][key] == low
    await town.knobs(**{key: high})
    assert (await config(town))["values"][key] == high


@pytest.mark.parametrize("key", BOOLS)
async def test_a_switch_has_its_default(town: Town, key: str) -> None:
    said = await config(town)
    assert said["values"][key] is said["schema"][key]["default"] is BOOLS[key]
    for bad in (0, 1, "true", None):
        problem = await town.admin.patches("/internal/config", {key: bad}, 422, "validation_failed")
        assert fields_of(problem) == {key}


async def test_the_default_action_is_one_of_two(town: Town) -> None:
    key = "extension_default_action_on_timeout"
    said = await config(town)
    assert set(said["schema"][key]["choices"]) == {"auto_approve", "auto_reject"}
    assert said["values"][key] in said["schema"][key]["choices"]
    await town.admin.patches("/internal/config", {key: "maybe"}, 422, "validation_failed")


async def test_the_default_tiers_are_the_contracts(town: Town) -> None:
    tiers = (await config(town))["values"]["pricing_tiers"]
    found = [(tier["id"], tier["duration_minutes"], tier["amount"]) for tier in tiers]
    assert sorted(found) == sorted(TIERS)


@pytest.mark.parametrize(
    "bad",
    [
        "x",
        [1],
        [{"id": "x"}],
        [TIER, TIER],
        [TIER, {**TIER, "id": "y"}],
        [{**TIER, "duration_minutes": 0}],
        [{**TIER, "duration_minutes": 1441}],
        [{**TIER, "amount": -1}],
        [{**TIER, "amount": "1"}],
        [{**TIER, "amount": 10**30}],
        [{**TIER, "label": "a\0b"}],
    ],
)
async def test_wrong_tiers_are_refused(town: Town, bad: Any) -> None:
    body = {"pricing_tiers": bad}
    problem = await town.admin.patches("/internal/config", body, 422, "validation_failed")
    assert {name.split("[")[0].split(".")[0] for name in fields_of(problem)} == {"pricing_tiers"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (
            "topics",
            [
                {"id": "family", "label": "Keluarga", "is_sensitive": False},
                {"id": "grief", "label": "Duka", "is_sensitive": True},
            ],
        ),
        (
            "support_handles",
            [
                {"kind": "whatsapp", "label": "WA", "url": "https://wa.me/62811"},
                {"kind": "telegram", "label": "TG", "url": "https://t.me/halo"},
            ],
        ),
    ],
)
async def test_a_list_is_taken_and_shown_to_the_apps(town: Town, key: str, value: Any) -> None:
    await town.knobs(**{key: value})
    assert (await config(town))["values"][key] == value
    path = {"topics": "/api/shared/app-config", "support_handles": "/api/shared/support-handles"}
    shown = await town.nobody.gets(path[key])
    assert shown[{"topics": "topics", "support_handles": "handles"}[key]] == value


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("topics", [{"id": "x"}]),
        ("topics", "x"),
        ("support_handles", [{"kind": "fax"}]),
        ("support_handles", [{"kind": "whatsapp", "label": "x", "url": 5}]),
    ],
)
async def test_a_wrong_list_is_refused(town: Town, key: str, bad: Any) -> None:
    await town.admin.patches("/internal/config", {key: bad}, 422, "validation_failed")


async def test_every_bad_key_is_named_and_nothing_is_changed(town: Town) -> None:
    before = (await config(town))["values"]
    body = {
        "closing_grace_seconds": 1,
        "free_trial_enabled": "x",
        "extension_timeout_seconds": 20,
        "no_such_knob": 5,
    }
    problem = await town.admin.patches("/internal/config", body, 422, "validation_failed")
    assert {"closing_grace_seconds", "free_trial_enabled"} <= fields_of(problem)
    assert (await config(town))["values"] == before


async def test_a_change_answers_all_values(town: Town) -> None:
    answer = await town.admin.patches("/internal/config", {"closing_grace_seconds": 299})
    await town.knobs(closing_grace_seconds=300)
    values = answer.get("values", answer)
    assert values["closing_grace_seconds"] == 299
    assert set(values) >= set(INTS)
