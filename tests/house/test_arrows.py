"""Who may know whom. A failure names the arrow that was crossed.

run → cli → node → edge; node → public, control → web, features → actors. Features know one
another's `messages` only; only adapters know the outside world.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.house.sources import sources

FEATURES = ("accounts", "knobs", "payments", "presence", "pairing", "chat", "push")
BASICS = ("errors", "ids", "log", "secrets", "settings")
SERVING = ("cli", "control", "demo", "edge", "node", "public")
OUTSIDE = ("aiosql", "asyncpg", "redis", "trio_asyncio")
CLIENTS = ("commands.actors", "demo")  # programs of their own, on the other side of HTTP
PORTS = ("gateway", "ports")  # where a feature says what it needs of an adapter


def within(name: str, *places: str) -> bool:
    """Whether the module `name` is one of the halobestie places, or inside it."""
    return any(f"{name}.".startswith(f"halobestie.{place}.") for place in places)


def library(name: str, *names: str) -> bool:
    return name.split(".")[0] in names


def feature_of(name: str) -> str | None:
    parts = name.split(".")
    return (
        parts[1] if parts[0] == "halobestie" and len(parts) > 1 and parts[1] in FEATURES else None
    )


class Arrow(NamedTuple):
    """An import that must not be: by whom, of what."""

    name: str
    importer: Callable[[str], bool]
    imported: Callable[[str], bool]


def _leaves_actors(name: str) -> bool:
    standard = name.split(".")[0] in sys.stdlib_module_names
    return not standard and not library(name, "actors", "trio", "msgspec")


def _enters_a_feature(name: str) -> bool:
    return feature_of(name) is not None


def _is_a_port(name: str) -> bool:
    return any(part in PORTS or part == "messages" for part in name.split(".")[2:])


ARROWS = [
    Arrow("actors → anything but trio and msgspec", lambda m: library(m, "actors"), _leaves_actors),
    Arrow(
        "→ outside world, past adapters",
        lambda m: not within(m, "adapters"),
        lambda m: library(m, *OUTSIDE),
    ),
    Arrow(
        "→ httpx, past adapters",
        lambda m: not within(m, "adapters", *CLIENTS),
        lambda m: library(m, "httpx"),
    ),
    Arrow(
        "feature → who serves it",
        _enters_a_feature,
        lambda m: within(m, "house", "web", *SERVING) or library(m, "quart", "hypercorn"),
    ),
    Arrow(
        "adapters → who uses them",
        lambda m: within(m, "adapters"),
        lambda m: (
            within(m, "house", "web", *SERVING) or (_enters_a_feature(m) and not _is_a_port(m))
        ),
    ),
    Arrow("public → control", lambda m: within(m, "public"), lambda m: within(m, "control")),
    Arrow("control → public", lambda m: within(m, "control"), lambda m: within(m, "public")),
    Arrow(
        "public, control → adapters, node",
        lambda m: within(m, "public", "control"),
        lambda m: within(m, "adapters", "node", "cli", "demo"),
    ),
    Arrow(
        "edge → application",
        lambda m: within(m, "edge"),
        lambda m: within(m, "adapters", "house", "public", "control", "node") or feature_of(m)
        is not None,
    ),
    Arrow(
        "web → those above it",
        lambda m: within(m, "web"),
        lambda m: within(m, "adapters", *SERVING) or feature_of(m) is not None,
    ),
    Arrow(
        "→ node, but from cli",
        lambda m: not within(m, "cli", "node"),
        lambda m: within(m, "node"),
    ),
    Arrow(
        "basics → the rest",
        lambda m: within(m, *BASICS),
        lambda m: library(m, "halobestie") and not within(m, *BASICS),
    ),
    Arrow(
        "rules → clock, database, tasks",
        lambda m: feature_of(m) is not None and m.endswith(".rules"),
        lambda m: within(m, "adapters") or library(m, "trio", "structlog", "asyncio", "time"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda arrow: arrow.name)
def test_no_import_crosses(arrow: Arrow) -> None:
    crossed = {
        f"{source.name} imports {imported}"
        for source in sources()
        if arrow.importer(source.name)
        for imported in source.imports()
        if arrow.imported(imported)
    }
    assert not crossed, f"{arrow.name}: {sorted(crossed)}"


def test_features_know_only_the_messages_of_one_another() -> None:
    crossed = {
        f"{source.name} imports {imported}"
        for source in sources()
        for imported in source.imports()
        if (own := feature_of(source.name)) is not None
        if (other := feature_of(imported)) is not None
        if other != own
        and not f"{imported}.".startswith(f"halobestie.{other}.messages.")
        and imported != f"halobestie.{other}.messages"
    }
    assert not crossed, f"feature → feature: {sorted(crossed)}"


def test_the_walk_sees_the_house() -> None:
    names = {source.name for source in sources()}
    assert {"actors.mailbox", "halobestie.settings", "halobestie.adapters.postgres"} <= names
    imported = {
        each for source in sources() if source.name == "halobestie.log"
        for each in source.imports()
    }  # fmt: skip
    assert "halobestie.settings.LogFormat" in imported
