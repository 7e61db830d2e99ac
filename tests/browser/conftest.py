"""One server, one browser and one signed-in operator for all tests of this folder.

Package-wide, not run-wide: playwright's loop must be gone before other tests open theirs.
Skipped where there is no chromium; `.ci/run` installs Debian's.
"""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.desk import Desk
from tests.browser.node import running_node
from tests.browser.world import World

OUTPUT = Path(__file__).parent / "output"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="package")
def chromium() -> str:
    """Where the browser is."""
    found = shutil.which("chromium")
    if found is None:
        raise SkipTest("there is no chromium here: apt-get install chromium, as .ci/run does")
    return found


@pytest.fixture(scope="package")
def world(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with people in it."""
    with running_node(tmp_path_factory.mktemp("node")) as node:
        world = World(node)
        # Nobody here sends heartbeats, and all sessions stay.
        world.operator(
            "PATCH", "/internal/config", mitra_stale_after_seconds=3600, max_customers_per_mitra=40
        )
        world.online("Bestie Ayu")
        world.online("Bestie Budi")
        yield world
        world.close()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One chromium. playwright gets asyncio's own loop: trio-asyncio hands out its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", asyncio.SelectorEventLoop)
        playing = sync_playwright()
        playwright = playing.__enter__()
    try:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
    finally:
        playing.__exit__(None, None, None)


@pytest.fixture(scope="package")
def office(browser: Browser, world: World) -> Iterator[BrowserContext]:
    """A browser in which the admin has signed in."""
    context = new_office(browser)
    page = context.new_page()
    Desk(page, world.node.internal).sign_in()
    page.close()
    yield context
    context.close()


@pytest.fixture
def desk(office: BrowserContext, world: World) -> Iterator[Desk]:
    """A fresh tab at the control center, signed in by the cookie. Console errors fail the test."""
    yield from watched(office.new_page(), world)


@pytest.fixture
def stranger(browser: Browser, world: World) -> Iterator[Desk]:
    """A fresh browser in which nobody has signed in."""
    context = new_office(browser)
    yield from watched(context.new_page(), world)
    context.close()


@pytest.fixture(scope="session")
def output() -> Path:
    """Where screenshots are kept, for people to look at."""
    OUTPUT.mkdir(exist_ok=True)
    return OUTPUT


def new_office(browser: Browser) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, locale="id-ID", timezone_id="Asia/Jakarta"
    )
    context.set_default_timeout(8000)
    return context


def watched(page: Page, world: World) -> Iterator[Desk]:
    desk = Desk(page, world.node.internal)
    yield desk
    errors = desk.unexpected_errors()
    page.close()
    assert not errors, f"the console has errors: {errors}"
