"""The knobs: one schema, all or nothing, in force at once, kept over an outage."""

from typing import Any

import msgspec
import pytest
import trio

from actors import Unavailable
from actors.testing import running_system
from halobestie.adapters.postgres import Database
from halobestie.knobs.keeper import REREAD, KnobKeeper
from halobestie.knobs.messages import Reread
from halobestie.knobs.rules import Limits, changed, defaults, schema
from tests.payments.shop import Client, Reply, Shop

LIMITS = Limits(15, development=False)

CONTRACT = {
    "max_customers_per_mitra": ("int", 1, 50, 3),
    "mitra_stale_after_seconds": ("int", 30, 3600, 90),
    "pairing_blast_timeout_seconds": ("int", 5, 3600, 300),
    "returning_chat_confirmation_timeout_seconds": ("int", 5, 300, 20),
    "payment_session_timeout_minutes": ("int", 1, 1440, 20),
    "extension_timeout_seconds": ("int", 3, 300, 10),
    "expired_decision_seconds": ("int", 5, 3600, 300),
    "closing_grace_seconds": ("int", 5, 3600, 300),
    "free_trial_enabled": ("bool", None, None, True),
    "free_trial_duration_minutes": ("int", 1, 120, 5),
    "early_end_customer_enabled": ("bool", None, None, True),
    "early_end_mitra_enabled": ("bool", None, None, False),
    "anonymous_customers_enabled": ("bool", None, None, True),
    "anonymous_max_sessions": ("int", 0, 100, 0),
    "mitra_sees_customer_name": ("bool", None, None, True),
}


@pytest.fixture
async def shop(db: Database) -> Shop:
    return Shop(db)


@pytest.fixture
async def rina(shop: Shop) -> Client:
    return await shop.operator()


async def patches(rina: Client, change: Any) -> Reply:
    return await rina.request("PATCH", "/internal/config", change)


@pytest.mark.parametrize("key", CONTRACT)
def test_the_schema_is_the_contracts(key: str) -> None:
    about = schema(LIMITS)[key]

    assert (about["type"], about.get("min"), about.get("max"), about["default"]) == CONTRACT[key]
    assert about["description"]


@pytest.mark.parametrize("key", [key for key in CONTRACT if CONTRACT[key][0] == "int"])
def test_bounds_are_inside_and_everything_beyond_is_refused(key: str) -> None:
    _, least, most, _ = CONTRACT[key]
    assert isinstance(least, int)
    assert isinstance(most, int)

    for value in (least, most):
        after, wrong = changed(defaults(LIMITS), {key: value}, LIMITS)
        assert (getattr(after, key), wrong) == (value, {})
    for value in (least - 1, most + 1, True, "5", 5.5, None, [], 10**30):
        after, wrong = changed(defaults(LIMITS), {key: value}, LIMITS)
        assert (after, list(wrong)) == (defaults(LIMITS), [key])


@pytest.mark.parametrize(
    "change",
    [
        {"pricing_tiers": []},
        {"pricing_tiers": "chat_12"},
        {"pricing_tiers": [{"id": "a", "label": "A", "duration_minutes": 0, "amount": 1}]},
        {"pricing_tiers": [{"id": "a", "label": "A", "duration_minutes": 1441, "amount": 1}]},
        {"pricing_tiers": [{"id": "a", "label": "A", "duration_minutes": 5, "amount": -1}]},
        {"pricing_tiers": [{"id": "a", "label": "A", "duration_minutes": 5}]},
        {"pricing_tiers": [{"id": "A b", "label": "A", "duration_minutes": 5, "amount": 1}]},
        {"pricing_tiers": [{"id": "a", "label": "", "duration_minutes": 5, "amount": 1}]},
        {"pricing_tiers": [{"id": "a", "label": "\n", "duration_minutes": 5, "amount": 1}]},
        {"pricing_tiers": [{"id": "free_trial", "label": "A", "duration_minutes": 5, "amount": 1}]},
        {
            "pricing_tiers": [
                {"id": "a", "label": "A", "duration_minutes": 5, "amount": 1},
                {"id": "a", "label": "B", "duration_minutes": 6, "amount": 1},
            ]
        },
        {
            "pricing_tiers": [
                {"id": "a", "label": "A", "duration_minutes": 5, "amount": 1},
                {"id": "b", "label": "B", "duration_minutes": 5, "amount": 1},
            ]
        },
        {"topics": [{"id": "a", "label": "A"}]},
        {"topics": [{"id": "a", "label": "A", "is_sensitive": False}] * 2},
        {"support_handles": [{"kind": "fax", "label": "A", "url": "https://example.org"}]},
        {"support_handles": [{"kind": "telegram", "label": "A", "url": "javascript:alert(1)"}]},
        {"support_handles": [{"kind": "telegram", "label": "A", "url": "http://example.org"}]},
        {"extension_default_action_on_timeout": "auto_maybe"},
        {"free_trial_enabled": 1},
        {"no_such_knob": 1},
    ],
)
def test_a_wrong_value_is_refused_under_its_key(change: dict[str, object]) -> None:
    after, wrong = changed(defaults(LIMITS), change, LIMITS)

    assert (after, list(wrong)) == (defaults(LIMITS), list(change))


def test_the_test_tier_is_for_development_only() -> None:
    def tiers(development: bool) -> list[str]:
        return [tier.id for tier in defaults(Limits(15, development)).pricing_tiers]

    assert tiers(False) == ["chat_12", "chat_30", "chat_60"]
    assert tiers(True) == ["chat_12", "chat_30", "chat_60", "test_1"]


def test_staleness_is_bound_to_the_cadence_of_the_environment() -> None:
    slow = Limits(100, development=False)

    assert schema(slow)["mitra_stale_after_seconds"]["min"] == 200
    assert defaults(slow).mitra_stale_after_seconds == 200
    assert changed(defaults(slow), {"mitra_stale_after_seconds": 199}, slow)[1]


async def test_a_change_is_in_force_at_once_with_its_audit(shop: Shop, rina: Client) -> None:
    answer = await patches(rina, {"max_customers_per_mitra": 7, "free_trial_enabled": True})

    assert answer.status == 200
    assert answer["values"]["max_customers_per_mitra"] == 7
    assert shop.knobs.current.max_customers_per_mitra == 7
    assert shop.announced_knobs == 1
    (row,) = shop.audited  # what did not change is not audited
    assert (row["action"], row["subject"], row["old"], row["new"]) == (
        "knob.change",
        "max_customers_per_mitra",
        3,
        7,
    )
    assert row["actor_id"] == rina.id


async def test_one_bad_key_changes_nothing_and_every_bad_key_is_named(
    shop: Shop, rina: Client
) -> None:
    refused = await patches(
        rina,
        {"max_customers_per_mitra": 7, "closing_grace_seconds": 1, "free_trail_enabled": True},
    )

    assert refused.refusal == (422, "validation_failed")
    assert [error["field"] for error in refused["errors"]] == [
        "closing_grace_seconds",
        "free_trail_enabled",
    ]
    assert (await rina.get("/internal/config"))["values"]["max_customers_per_mitra"] == 3
    assert (shop.audited, shop.announced_knobs) == ([], 0)


@pytest.mark.parametrize("body", [[], "x", 1, None, {"topics": "\x00"}, {"a": 10**40}])
async def test_what_is_no_change_is_refused(rina: Client, body: Any) -> None:
    refused = await patches(rina, body)

    assert refused.status == 422 or (body is None and refused.status == 200)


async def test_concurrent_changes_lose_nothing(shop: Shop, rina: Client) -> None:
    keys = ["max_customers_per_mitra", "anonymous_max_sessions", "free_trial_duration_minutes"]

    async with trio.open_nursery() as nursery:
        for key in keys:
            nursery.start_soon(patches, rina, {key: 9})

    values = (await rina.get("/internal/config"))["values"]
    await shop.knobs.reread()
    assert [values[key] for key in keys] == [9, 9, 9]
    assert [getattr(shop.knobs.current, key) for key in keys] == [9, 9, 9]


async def test_apps_see_their_part(shop: Shop, rina: Client) -> None:
    handles = [{"kind": "whatsapp", "label": "Bantuan", "url": "https://wa.me/62800"}]
    topics = [{"id": "tidur", "label": "Tidur", "is_sensitive": False}]
    await patches(rina, {"support_handles": handles, "topics": topics})
    anybody = Client(shop, rina.id, None)

    shown = await anybody.get("/api/shared/app-config")

    assert (await anybody.get("/api/shared/support-handles")).body == {"handles": handles}
    assert shown["topics"] == topics
    assert shown["heartbeat_cadence_seconds"] == 15
    assert shown["extension_timeout_seconds"] == 10


async def test_another_node_hears_of_it(shop: Shop, rina: Client, db: Database) -> None:
    other = Shop(db)
    await patches(rina, {"max_customers_per_mitra": 7})

    async with running_system() as system:
        keeper = system.spawn("knobs", lambda: KnobKeeper(other.knobs), group="services")
        await keeper.ask(Reread())
        assert other.knobs.current.max_customers_per_mitra == 7

        await patches(rina, {"max_customers_per_mitra": 8})
        await keeper.ask(Reread())

    assert other.knobs.current.max_customers_per_mitra == 8


async def test_a_lost_announcement_costs_ten_seconds(shop: Shop) -> None:
    async with running_system() as system:
        keeper = system.spawn("knobs", lambda: KnobKeeper(shop.knobs), group="services")
        await keeper.ask(Reread())
        cell = system.find("services/knobs")
        assert cell is not None
        (deadline,) = cell.deadlines.pending()

        assert 0 < system.clock.seconds_until(deadline.due_at) <= REREAD


async def test_the_last_values_stay_while_postgresql_is_away(shop: Shop, rina: Client) -> None:
    await patches(rina, {"max_customers_per_mitra": 7})

    class Away:
        async def run(self, *_: object, **__: object) -> Any:
            raise Unavailable

    shop.knobs._db = Away()  # type: ignore[assignment]
    async with running_system() as system:
        keeper = system.spawn("knobs", lambda: KnobKeeper(shop.knobs), group="services")
        await keeper.ask(Reread())

    assert shop.knobs.current.max_customers_per_mitra == 7


async def test_a_stored_value_that_is_not_allowed_any_more_gives_way_to_the_default(
    shop: Shop,
) -> None:
    await shop.sql(
        "insert into app_config (key, value, updated_at) values "
        "('max_customers_per_mitra', '900', now()), ('gone', '1', now()), "
        "('closing_grace_seconds', '60', now())"
    )

    await shop.knobs.reread()

    expected = msgspec.structs.replace(defaults(shop.knobs.limits), closing_grace_seconds=60)
    assert shop.knobs.current == expected
