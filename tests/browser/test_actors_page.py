import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk
from tests.browser.world import World

pytestmark = pytest.mark.browser


def lines(desk: Desk) -> Locator:
    return desk.page.locator(".grid-lines .line:visible")


def test_the_tree_is_watched_while_sessions_run_and_one_is_crashed(
    desk: Desk, world: World
) -> None:
    desk.opens("/aktor")
    page = desk.page
    expect(lines(desk).filter(has_text="journal")).to_be_visible()
    session = world.customer("Sari Pohon").talks_with("Bestie Ayu")
    tail = session["id"][-6:]
    page.get_by_label("Cari").fill(session["id"])
    line = lines(desk).filter(has_text=f"session:…{tail}")
    expect(line).to_be_visible()
    expect(line).to_contain_text("status active")

    line.click()
    detail = page.get_by_role("complementary", name="Rincian aktor")
    expect(detail).to_contain_text("Tenggat")
    expect(detail).to_contain_text("end")
    detail.get_by_role("button", name="Buat crash").click()
    expect(detail).to_contain_text("CrashRequested")
    expect(line.locator(".cell.restarts")).to_have_text("1")
    expect(line.locator(".cell.state")).to_have_text("berjalan")
    world.test_route("send-chat-message-as-customer", session_id=session["id"], content="Halo")
    expect(line).to_contain_text("last_seq 1")


def test_the_tree_is_used_by_keyboard_alone(desk: Desk) -> None:
    desk.opens("/aktor")
    expect(lines(desk).filter(has_text="journal")).to_be_visible()
    grid = desk.page.get_by_role("treegrid")
    grid.focus()
    desk.page.keyboard.press("Home")
    group = lines(desk).filter(has_text="services")
    expect(group).to_have_attribute("aria-expanded", "true")
    desk.page.keyboard.press("ArrowLeft")
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(lines(desk).filter(has_text="journal")).to_have_count(0)
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    detail = desk.page.get_by_role("complementary", name="Rincian aktor")
    expect(detail).to_contain_text("services/")
    expect(grid).to_have_attribute("aria-activedescendant", "line-1")
    desk.page.keyboard.press("Tab")
    desk.page.keyboard.press("Escape")
    expect(detail).to_be_hidden()


def test_a_pause_holds_the_picture_and_ends_the_work(desk: Desk, world: World) -> None:
    desk.opens("/aktor")
    expect(desk.page.get_by_text("Langsung", exact=True)).to_be_visible()
    desk.button("Jeda").click()
    expect(desk.page.get_by_text("Dijeda", exact=True)).to_be_visible()
    customer = world.customer("Sari Jeda")
    session = customer.talks_with("Bestie Budi", "chat_12")
    desk.page.get_by_label("Cari").fill(session["id"])
    expect(lines(desk)).to_have_count(0)
    desk.button("Lanjutkan").click()
    expect(lines(desk).filter(has_text="session:")).to_be_visible()


def test_the_drain_forecast_names_the_quietest_minute(desk: Desk) -> None:
    desk.opens("/aktor")
    desk.sees("Menit tersepi")
    expect(desk.page.locator(".minutes li")).to_have_count(30)


def test_only_what_is_in_view_is_drawn(desk: Desk) -> None:
    """5,000 actors, told as the server tells them."""
    rows = [
        {
            "path": f"sessions/session:{number:05}", "name": f"{number:05}", "kind": "session",
            "started_at": "2026-01-01T00:00:00Z",
            "mailbox": {"depth": 0, "capacity": 1024, "high_water": 0},
        }
        for number in range(5000)
    ]  # fmt: skip
    totals = {"actors": 5000, "messages": 0, "dead_letters": 0, "restarts": 0}
    frame = {
        "type": "snapshot", "node": "n", "at": "2026-01-01T00:00:00Z", "can_crash": False,
        "rows": rows, "totals": totals, "dead_letters": {},
    }  # fmt: skip
    took = desk_time(desk, frame)
    assert took["elements"] < 80
    assert took["change"] < 60, f"a change of 500 actors took {took['change']:.0f} ms to apply"


def desk_time(desk: Desk, frame: dict[str, object]) -> dict[str, float]:
    desk.page.goto(f"{desk.url}/#/dasbor")
    expect(desk.heading("Dasbor")).to_be_visible()
    measured: dict[str, float] = desk.page.evaluate(
        """async (frame) => {
            const { makeStore, visible } = await import("/page/actors/store.js");
            const { makeGrid } = await import("/page/actors/grid.js");
            const store = makeStore();
            const grid = makeGrid({ onFold() {}, onChoose() {}, isFolded: () => false });
            document.querySelector("main").replaceChildren(grid.element);
            const show = () => grid.show(
                visible(store, { folded: new Set(), text: "", order: "rate", trouble: false }),
                Date.now());
            store.apply(frame);
            show();
            const changed = {};
            for (let n = 0; n < 500; n += 1) changed[frame.rows[n * 7].path] = { processed: n + 1 };
            const began = performance.now();
            const at = "2026-01-01T00:00:01Z";
            store.apply({ ...frame, type: "changes", at, changed, gone: [] });
            show();
            return {
                change: performance.now() - began,
                elements: document.querySelectorAll(".grid-lines .line").length,
            };
        }""",
        frame,
    )
    return measured
