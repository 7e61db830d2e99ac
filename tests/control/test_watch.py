from typing import Any

import msgspec
import pytest
import trio

from actors import snapshot
from halobestie.control.live import QUEUE
from halobestie.roster import Push
from tests.conftest import ErrorLog
from tests.control.center import Center
from tests.waiting import until

TREE = "/internal/debug/actors/watch"
Seen = dict[str, dict[str, Any]]


def applied(seen: Seen, frame: dict[str, Any]) -> None:
    for path in frame["gone"]:
        del seen[path]
    for path, new in frame["changed"].items():
        seen.setdefault(path, {}).update(new)


async def test_the_watch_begins_with_everyone_and_goes_on_with_changes(center: Center) -> None:
    async with center.page(TREE) as page:
        first = await page.next("snapshot")
        seen: Seen = {row["path"]: row for row in first["rows"]}
        assert {"services/knobs", "services/journal", "services/channel:tree"} <= set(seen)
        assert first["totals"]["actors"] == len(seen)
        assert first["can_crash"] is True

        mitra_id = (await center.get("/internal/mitras"))["rows"][0]["id"]
        await center.http.post("/internal/_test/force-mitra-online", json={"mitra_id": mitra_id})
        path = f"presence/mitra:{mitra_id}"
        while path not in seen:
            applied(seen, await page.next("changes"))
        assert seen[path]["kind"] == "mitra"
        alive = {actor.path for group in whole(center) for actor in group}
        assert set(seen) == alive


def whole(center: Center) -> list[list[Any]]:
    tree = snapshot(center.house.system, started_at=center.house.started_at)
    return [group.children for group in tree.children]


async def test_a_crash_is_seen(center: Center, expected_errors: ErrorLog) -> None:
    expected_errors.expect("services/knobs crashed")
    async with center.page(TREE) as page:
        await page.next("snapshot")
        await center.http.post("/internal/_test/crash-actor", json={"path": "services/knobs"})
        while "restarts" not in (knobs := await change_of(page, "services/knobs")):
            pass
        assert knobs["restarts"] == 1
        assert "CrashRequested" in knobs["last_error"]


async def change_of(page: Any, path: str) -> dict[str, Any]:
    while path not in (frame := await page.next("changes"))["changed"]:
        pass
    changed: dict[str, Any] = frame["changed"][path]
    return changed


async def test_a_crash_of_the_watch_itself_gives_a_new_snapshot(
    center: Center, expected_errors: ErrorLog
) -> None:
    expected_errors.expect("services/channel:tree crashed")
    async with center.page(TREE) as page:
        await page.next("snapshot")
        await center.http.post(
            "/internal/_test/crash-actor", json={"path": "services/channel:tree"}
        )
        await page.next("snapshot")


async def test_nobody_watching_costs_nothing(center: Center) -> None:
    async with center.page(TREE) as page:
        await page.next("snapshot")
        assert center.house.system.find("services/channel:tree") is not None
    await until(lambda: center.house.system.find("services/channel:tree") is None)


async def test_a_page_that_does_not_read_is_closed_with_1013(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with center.page(TREE) as page:
        await page.next("snapshot")
        (screen,) = center.house.system.kinds["screen"].cells.values()
        writing, gate = trio.Event(), trio.Event()

        async def never_done() -> None:
            writing.set()
            await gate.wait()

        assert screen.actor is not None
        monkeypatch.setattr(screen.actor, "flush", never_done)
        screen.ref().tell(Push(b"{}"))
        await writing.wait()
        for _ in range(QUEUE):
            screen.ref().tell(Push(b"{}"))
        await until(lambda: bool(screen.mailbox.signals))  # the next change is too much
        gate.set()
        assert await page.closed() == 1013


async def test_a_browser_without_a_valid_token_hears_4401(center: Center) -> None:
    for token in ("", "nonsense"):
        async with center.page(TREE, token) as page:
            assert await page.closed() == 4401


async def test_an_operator_who_signs_out_loses_the_socket(center: Center) -> None:
    async with center.page(TREE) as page:
        await page.next("snapshot")
        await center.http.post("/internal/auth/logout")
        assert await page.closed() == 4403


async def test_the_tree_and_the_forecast_are_there_for_http(center: Center) -> None:
    tree = await center.get("/internal/debug/actors")
    groups = {group["name"]: group for group in tree["actors"]["children"]}
    assert {"services", "presence", "pairings", "sessions", "sockets"} <= set(groups)
    one = await center.get("/internal/debug/actors", path="services/knobs")
    assert one["actors"]["name"] == "knobs"
    shallow = await center.get("/internal/debug/actors", depth=1)
    assert shallow["actors"]["children"][0]["children"] == []
    forecast = await center.get("/internal/debug/drain-forecast")
    assert len(forecast["minutes"]) == 30
    assert msgspec.json.encode(forecast["quietest"])
