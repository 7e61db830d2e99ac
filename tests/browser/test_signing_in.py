import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.node import ADMIN
from tests.browser.world import World

pytestmark = pytest.mark.browser


def test_an_operator_signs_in_and_stays_signed_in_over_a_reload(stranger: Desk) -> None:
    stranger.sign_in()
    stranger.page.reload()
    expect(stranger.heading("Dasbor")).to_be_visible()

    kept = stranger.page.evaluate("Object.entries(localStorage).flat().join(' ')")
    assert "eyJ" not in kept, "no token stays where scripts find it"
    (cookie,) = stranger.page.context.cookies(f"{stranger.url}/internal/auth")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"


def test_a_wrong_password_says_what_to_do(stranger: Desk) -> None:
    stranger.expected.append("401")
    page = stranger.page
    page.goto(stranger.url)
    page.get_by_label("E-mail").fill(ADMIN[0])
    page.get_by_label("Kata sandi").fill("bukan ini")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("E-mail atau kata sandi salah")


def test_empty_fields_are_named_beside_them(stranger: Desk) -> None:
    stranger.page.goto(stranger.url)
    stranger.button("Masuk").click()
    email = stranger.page.get_by_label("E-mail")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_be_focused()


def test_signing_out_ends_it_also_after_a_reload(stranger: Desk) -> None:
    stranger.sign_in()
    stranger.button("Keluar").click()
    expect(stranger.heading("Masuk ke pusat kendali")).to_be_visible()
    stranger.page.reload()
    expect(stranger.heading("Masuk ke pusat kendali")).to_be_visible()


def test_an_expired_token_is_renewed_once_for_all_who_wait(desk: Desk) -> None:
    desk.expected.append("401")
    refreshes = []
    desk.opens("/uang")
    expect(desk.page.get_by_text("Semua pembelian").first).to_be_visible()
    desk.page.route(
        "**/internal/mitras*",
        lambda route: route.fulfill(status=401, json={"status": 401, "code": "token_expired"}),
        times=1,
    )
    desk.page.route(
        "**/internal/mitra-online-logs*",
        lambda route: route.fulfill(status=401, json={"status": 401, "code": "token_expired"}),
        times=1,
    )
    desk.page.on(
        "request", lambda one: refreshes.append(one) if "auth/refresh" in one.url else None
    )
    desk.opens("/log-online")
    expect(desk.row("Bestie Ayu").first).to_be_visible()
    assert len(refreshes) == 1


def test_an_operator_who_is_switched_off_is_put_out_at_once(stranger: Desk, world: World) -> None:
    made = world.operator(
        "POST", "/internal/cc-users", email="tono@halobestie.local", display_name="Tono",
        role="operator", password="sandi yang panjang",
    )  # fmt: skip
    stranger.sign_in("tono@halobestie.local", "sandi yang panjang")
    expect(stranger.page.get_by_role("link", name="Operator")).to_have_count(0)
    expect(stranger.page.get_by_text("Langsung", exact=True)).to_be_visible()
    world.operator("PATCH", f"/internal/cc-users/{made['id']}", is_active=False)
    expect(stranger.heading("Masuk ke pusat kendali")).to_be_visible()
