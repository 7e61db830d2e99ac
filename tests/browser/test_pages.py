"""Every page with real data: read by everybody, in both widths and themes, in two languages.

The screenshots are kept in tests/browser/output for people to look at.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.audit import stumbles
from tests.browser.conftest import watched
from tests.browser.desk import Desk
from tests.browser.world import World

pytestmark = pytest.mark.browser

WIDTHS = {1280: 860, 390: 844}


class Seen(NamedTuple):
    """What the people of the server have left behind."""

    session: str
    search: str
    mitra: str
    customer: str


@pytest.fixture(scope="module")
def desk(office: BrowserContext, world: World) -> Iterator[Desk]:
    """One tab for all of these: they only look."""
    yield from watched(office.new_page(), world)


@pytest.fixture(scope="module")
def seen(world: World) -> Seen:
    """A day's work."""
    lina = world.customer("Lina Wijaya")
    session = lina.talks_with("Bestie Ayu")
    talk = ("Halo, aku sedang cemas sekali.", "Aku di sini. Ceritakan pelan-pelan ya.")
    for text, who in zip(talk, ("customer", "mitra"), strict=True):
        world.test_route(f"send-chat-message-as-{who}", session_id=session["id"], content=text)
    done = world.customer("Bayu Pratama")
    ended = done.talks_with("Bestie Budi", "chat_12")
    done.call("POST", f"/api/shared/chat-sessions/{ended['id']}/end")
    payment = world.customer("Putri Maharani").pays("chat_60")
    world.test_route("force-pairing-timeout", payment_request_id=payment["id"])
    gone = world.customer("Agus Salim")
    gone.gives_up(gone.pays()["id"])
    world.operator("PATCH", "/internal/config", pairing_blast_timeout_seconds=240)
    search = world.operator("GET", "/internal/pairings?status=failed")["rows"][0]
    return Seen(session["id"], search["id"], world.mitras["Bestie Ayu"]["id"], lina.id)


PAGES: list[tuple[str, Callable[[Seen], str], str, str]] = [
    ("dasbor", lambda _: "/dasbor", "Sesi menurut status", "Sessions by status"),
    ("sesi", lambda _: "/sesi", "Lina Wijaya", "Lina Wijaya"),
    ("sesi-rincian", lambda seen: f"/sesi/{seen.session}", "Jalannya sesi", "Timeline"),
    ("pencarian", lambda _: "/pencarian", "Putri Maharani", "Putri Maharani"),
    (
        "pencarian-rincian",
        lambda seen: f"/pencarian/{seen.search}",
        "Siapa yang ditawari",
        "Who was asked",
    ),
    ("pairing-gagal", lambda _: "/pairing-gagal", "Agus Salim", "Agus Salim"),
    ("uang", lambda _: "/uang", "Buku cocok", "The books agree"),
    ("mitra", lambda _: "/mitra", "Bestie Ayu", "Bestie Ayu"),
    ("mitra-rincian", lambda seen: f"/mitra/{seen.mitra}", "Sesi mitra ini", "Sessions of"),
    ("log-online", lambda _: "/log-online", "uji coba", "a test"),
    ("pelanggan", lambda _: "/pelanggan", "Lina Wijaya", "Lina Wijaya"),
    ("pelanggan-rincian", lambda seen: f"/pelanggan/{seen.customer}", "Blokir", "Block"),
    ("pengaturan", lambda _: "/pengaturan", "Durasi dan harga", "Lengths and prices"),
    ("operator", lambda _: "/operator", "admin@halobestie.local", "admin@halobestie.local"),
    ("audit", lambda _: "/audit", "Mengubah pengaturan", "Changed a setting"),
    ("aktor", lambda _: "/aktor", "Menit tersepi", "Quietest minute"),
    ("tidak-ada", lambda _: "/entah", "Halaman tidak ditemukan", "Page not found"),
]


@pytest.mark.parametrize(
    ("name", "path", "text", "english"), PAGES, ids=[each[0] for each in PAGES]
)
def test_a_page_is_fit_for_everybody(
    desk: Desk,
    seen: Seen,
    output: Path,
    name: str,
    path: Callable[[Seen], str],
    text: str,
    english: str,
) -> None:
    desk.page.set_viewport_size({"width": 1280, "height": 860})
    desk.opens(path(seen))
    desk.sees(text)
    if name == "aktor":
        expect(desk.page.locator(".grid-lines .line:visible").first).to_be_visible()
        desk.page.locator(".grid-lines .line:visible", has_text="journal").click()
    found: list[str] = []
    for width, height in WIDTHS.items():
        desk.page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found += [f"{width} {scheme}: {one}" for one in stumbles(desk.page)]
            shot = output / f"{name}-{width}-{scheme}.png"
            desk.page.screenshot(path=str(shot), full_page=name != "aktor")
    assert not found, "\n".join(found)

    desk.page.set_viewport_size({"width": 1280, "height": 860})
    desk.page.get_by_label("Bahasa").select_option("en")
    try:
        desk.sees(english)
        assert not stumbles(desk.page)
    finally:
        desk.page.get_by_label("Language").select_option("id")


def test_the_sign_in_page_is_fit_for_everybody(stranger: Desk, output: Path) -> None:
    stranger.page.goto(stranger.url)
    expect(stranger.heading("Masuk ke pusat kendali")).to_be_visible()
    for width, height in WIDTHS.items():
        stranger.page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            stranger.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert not stumbles(stranger.page)
            stranger.page.screenshot(path=str(output / f"masuk-{width}-{scheme}.png"))


def test_an_empty_list_says_what_would_fill_it(desk: Desk) -> None:
    desk.opens("/sesi?status=completed&date_from=2020-01-01&date_to=2020-01-02")
    desk.sees("Tidak ada yang cocok")
    desk.sees("Longgarkan atau kosongkan saringan")


def test_a_narrow_screen_folds_the_way_round(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 390, "height": 844})
    desk.opens("/sesi")
    nav = desk.page.get_by_role("navigation", name="Halaman", exact=True)
    expect(nav).to_be_hidden()
    menu = desk.page.get_by_role("button", name="Menu")
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    nav.get_by_role("link", name="Uang").click()
    expect(desk.heading("Uang")).to_be_focused()
    expect(nav).to_be_hidden()
    desk.page.set_viewport_size({"width": 1280, "height": 860})


def test_the_theme_that_was_chosen_stays(desk: Desk) -> None:
    desk.opens("/dasbor")
    desk.page.emulate_media(color_scheme="light")
    desk.page.get_by_label("Tampilan").select_option("dark")
    desk.page.reload()
    expect(desk.heading("Dasbor")).to_be_visible()
    ground = "getComputedStyle(document.body).backgroundColor"
    assert desk.page.evaluate(ground) == "rgb(21, 21, 19)"
    desk.page.get_by_label("Tampilan").select_option("auto")
    assert desk.page.evaluate(ground) == "rgb(246, 245, 241)"


def test_the_skip_link_leads_past_the_way_round(desk: Desk) -> None:
    desk.opens("/dasbor")
    desk.page.reload()
    expect(desk.heading("Dasbor")).to_be_visible()
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_role("link", name="Langsung ke isi")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("main")).to_be_focused()
