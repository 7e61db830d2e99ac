"""What operators do all day, and that it has its effect."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.audit import stumbles
from tests.browser.desk import Desk
from tests.browser.world import World

pytestmark = pytest.mark.browser


def test_the_dashboard_moves_by_itself(desk: Desk, world: World) -> None:
    desk.opens("/dasbor")
    tile = desk.page.get_by_role("link", name=re.compile("^Mitra online"))
    expect(tile).to_contain_text(re.compile(r"online2"))
    world.online("Bestie Citra")
    expect(tile).to_contain_text(re.compile(r"online3"))
    tile.focus()
    world.offline("Bestie Citra")
    expect(tile).to_contain_text(re.compile(r"online2"))
    expect(tile).to_be_focused()  # though it was drawn anew


def test_a_live_session_is_rerouted(desk: Desk, world: World) -> None:
    session = world.customer("Sari Rerute").talks_with("Bestie Ayu")
    desk.opens("/sesi")
    desk.row("Sari Rerute").get_by_role("link").first.click()
    expect(desk.heading("Sari Rerute · Bestie Ayu")).to_be_visible()
    expect(desk.page.get_by_role("timer")).to_have_text(re.compile(r"^\d+:\d\d$"))
    desk.button("Alihkan").click()
    desk.dialog().get_by_label("Kepada mitra").select_option(label="Bestie Budi")
    desk.dialog().get_by_role("button", name="Alihkan").click()
    expect(desk.heading("Sari Rerute · Bestie Budi")).to_be_visible()
    expect(desk.page.locator(".timeline")).to_contain_text("Dialihkan")
    expect(desk.page.locator(".timeline")).to_contain_text("Bestie Ayu → Bestie Budi")
    story = world.operator("GET", f"/internal/sessions/{session['id']}")
    assert story["session"]["mitra"]["display_name"] == "Bestie Budi"


def test_a_session_is_ended_with_a_reason(desk: Desk, world: World) -> None:
    session = world.customer("Sari Akhir").talks_with("Bestie Ayu")
    desk.opens(f"/sesi/{session['id']}")
    desk.button("Akhiri").click()
    desk.dialog().get_by_role("button", name="Akhiri").click()
    expect(desk.dialog().get_by_label("Alasan")).to_be_focused()  # it is required
    desk.dialog().get_by_label("Alasan").fill("Diminta lewat telepon")
    desk.dialog().get_by_role("button", name="Akhiri").click()
    expect(desk.page.locator(".timeline")).to_contain_text("Diminta lewat telepon")


def test_a_transcript_is_read_for_a_reason_and_that_is_on_record(desk: Desk, world: World) -> None:
    session = world.customer("Sari Bicara").talks_with("Bestie Budi")
    said = "<b>Halo</b> & apa kabar?"
    world.test_route("send-chat-message-as-customer", session_id=session["id"], content=said)
    desk.opens(f"/sesi/{session['id']}")
    desk.button("Baca transkrip").click()
    desk.dialog().get_by_label("Alasan").fill("Keluhan 12")
    desk.dialog().get_by_role("button", name="Baca transkrip").click()
    expect(desk.page.locator(".talk")).to_contain_text(said)
    desk.opens("/audit?action=transcript.read")
    expect(desk.row("Keluhan 12")).to_be_visible()


def test_a_failed_pairing_is_refunded(desk: Desk, world: World) -> None:
    customer = world.customer("Rina Gagal")
    customer.gives_up(customer.pays("chat_60")["id"])
    desk.opens("/pairing-gagal")
    desk.page.locator("summary", has_text="Sebab").click()
    desk.page.get_by_label("Dibatalkan pelanggan").check()
    desk.page.keyboard.press("Escape")
    row = desk.row("Rina Gagal")
    row.get_by_role("button", name=re.compile("^Kembalikan")).click()
    expect(desk.dialog()).to_contain_text("50.000")
    desk.dialog().get_by_role("button", name="Ya, tandai").click()
    expect(row).to_contain_text("Dikembalikan")
    assert "cause_tags=customer_cancelled" in desk.page.url
    desk.opens("/uang")
    expect(desk.page.locator(".tile", has_text="Dikembalikan")).to_contain_text("50.000")
    expect(desk.page.get_by_text("Buku cocok")).to_be_visible()


def test_a_decision_that_somebody_else_took_first_says_so(desk: Desk, world: World) -> None:
    desk.expected.append("409")
    customer = world.customer("Rina Ganda")
    customer.gives_up(customer.pays()["id"])
    desk.opens("/pairing-gagal")
    row = desk.row("Rina Ganda")
    expect(row).to_be_visible()
    failure = world.operator("GET", "/internal/failed-pairings")["rows"][0]
    world.operator("POST", f"/internal/failed-pairings/{failure['id']}/action", action="credited")
    row.get_by_role("button", name=re.compile("^Kembalikan")).click()
    desk.dialog().get_by_role("button", name="Ya, tandai").click()
    expect(desk.dialog().get_by_role("alert")).to_contain_text("diputuskan oleh operator lain")


def test_a_search_is_explained(desk: Desk, world: World) -> None:
    payment = world.customer("Putri Cari").pays()
    world.test_route("force-pairing-timeout", payment_request_id=payment["id"])
    desk.opens("/pencarian")
    desk.row("Putri Cari").get_by_role("link").first.click()
    desk.sees("Tidak ada yang menerima sampai waktu pencarian habis.")
    offers = desk.page.get_by_role("region", name="Siapa yang ditawari").or_(
        desk.page.locator("section", has_text="Siapa yang ditawari")
    )
    expect(offers.first).to_contain_text("Bestie Ayu")
    expect(offers.first).to_contain_text("Tidak menjawab")
    desk.sees("offline")  # Bestie Citra was not asked


def test_a_knob_is_changed_and_the_house_behaves_so(desk: Desk, world: World) -> None:
    desk.opens("/pengaturan")
    switch = desk.page.get_by_label("Pelanggan anonim")
    switch.uncheck()
    desk.sees("1 perubahan belum disimpan")
    desk.button("Simpan").click()
    desk.sees("Pengaturan tersimpan")
    refused = world.public.post("/api/shared/auth/anonymous", json={"display_name": "Siti"})
    assert refused.json()["code"] == "anonymous_disabled"
    expect(switch).not_to_be_checked()
    switch.check()
    desk.button("Simpan").click()
    expect(desk.page.locator(".savebar")).to_be_hidden()
    world.customer("Siti")


def test_a_bad_value_is_named_beside_its_field_and_nothing_is_saved(
    desk: Desk, world: World
) -> None:
    desk.expected.append("422")
    desk.opens("/pengaturan")
    desk.page.get_by_label("Sesi per mitra", exact=True).fill("0")
    desk.page.get_by_label("Lama sesi gratis (menit)").fill("7")
    desk.button("Simpan").click()
    wrong = desk.page.locator(".knob", has_text="Sesi per mitra")
    expect(wrong.locator(".field-error")).to_contain_text(">= 1")
    desk.sees("1 isian belum benar")
    assert world.operator("GET", "/internal/config")["values"]["free_trial_duration_minutes"] == 5
    desk.button("Batalkan perubahan").click()
    expect(desk.page.locator(".savebar")).to_be_hidden()


def test_price_tiers_have_an_editor_and_leaving_it_unsaved_asks(desk: Desk, world: World) -> None:
    desk.opens("/pengaturan")
    tiers = desk.page.locator(".knob", has_text="Durasi dan harga")
    tiers.get_by_role("button", name="Tambah baris").click()
    new = tiers.locator(".record").last
    for label, value in (
        ("Id", "chat_90"),
        ("Nama", "90 menit"),
        ("Menit", "90"),
        ("Harga", "70000"),
    ):
        new.get_by_label(re.compile(f"^{label}")).fill(value)
    asked = []
    desk.page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    desk.page.get_by_role("link", name="Mitra", exact=True).click()
    assert asked == ["Perubahan belum disimpan. Tinggalkan halaman ini?"]
    desk.button("Simpan").click()
    desk.sees("Pengaturan tersimpan")
    tiers_now = world.operator("GET", "/internal/config")["values"]["pricing_tiers"]
    assert tiers_now[-1] == {
        "id": "chat_90", "label": "90 menit", "duration_minutes": 90, "amount": 70000,
    }  # fmt: skip


def test_a_mitra_is_added_changed_and_put_offline(desk: Desk, world: World) -> None:
    desk.opens("/mitra")
    desk.button("Tambah mitra").click()
    dialog = desk.dialog()
    assert not stumbles(desk.page)
    dialog.get_by_label("Nama").fill("Bestie Dian")
    dialog.get_by_label("Telepon").fill("12")
    desk.expected.append("422")
    dialog.get_by_role("button", name="Tambah mitra").click()
    expect(dialog.get_by_label("Telepon")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Telepon").fill("081255550001")
    dialog.get_by_role("button", name="Tambah mitra").click()
    desk.row("Bestie Dian").get_by_role("link", name="Bestie Dian").click()
    desk.page.get_by_label("Kapasitas").fill("1")
    desk.button("Simpan").click()
    desk.sees("Tersimpan.")
    mitra = world.operator("GET", "/internal/mitras?query=Dian")["rows"][0]
    assert mitra["capacity_override"] == 1
    world.test_route("force-mitra-online", mitra_id=mitra["id"])
    desk.page.reload()
    desk.button("Buat offline").click()
    desk.dialog().get_by_role("button", name="Buat offline").click()
    expect(desk.button("Buat offline")).to_have_count(0)
    desk.opens(f"/log-online?mitra_id={mitra['id']}")
    expect(desk.row("oleh operator")).to_be_visible()


def test_todays_offers_and_accepts_of_a_mitra_are_shown(desk: Desk, world: World) -> None:
    def figures() -> tuple[int, int]:
        row = world.operator("GET", f"/internal/mitras/{world.mitras['Bestie Budi']['id']}")
        return row["offers_today"], row["accepts_today"]

    offers, accepts = figures()
    world.customer("Sari Hari Ini").talks_with("Bestie Budi")
    assert figures() == (offers + 1, accepts + 1)
    desk.opens("/mitra")
    cells = desk.row("Bestie Budi").locator("td.number")
    expect(cells).to_have_text([str(offers + 1), str(accepts + 1)])


def test_a_customer_is_found_and_blocked(desk: Desk, world: World) -> None:
    world.customer("Nakal Sekali")
    desk.opens("/pelanggan")
    desk.page.get_by_label("Cari").fill("Nakal")
    expect(desk.page.locator("table.rows tbody tr")).to_have_count(1)
    desk.row("Nakal").get_by_role("link").click()
    desk.button("Blokir").click()
    desk.dialog().get_by_role("button", name="Blokir").click()
    expect(desk.page.locator(".facts")).to_contain_text("Diblokir")
    desk.page.go_back()
    expect(desk.page.get_by_label("Cari")).to_have_value("Nakal")


def test_an_operator_is_added_and_the_audit_log_knows(desk: Desk) -> None:
    desk.opens("/operator")
    desk.button("Tambah operator").click()
    dialog = desk.dialog()
    dialog.get_by_label("Nama").fill("Wati")
    dialog.get_by_label("E-mail").fill("wati@halobestie.local")
    dialog.get_by_label("Kata sandi").fill("sandi wati yang panjang")
    dialog.get_by_role("button", name="Tambah operator").click()
    expect(desk.row("wati@halobestie.local")).to_be_visible()
    desk.opens("/audit?action=cc_user.add")
    expect(desk.row("Menambah operator").first).to_be_visible()


def test_a_server_that_does_not_answer_is_told_with_a_way_to_try_again(desk: Desk) -> None:
    desk.expected.append("ERR_FAILED")
    desk.page.route("**/internal/customers*", lambda route: route.abort(), times=1)
    desk.opens("/pelanggan")
    expect(desk.page.get_by_role("alert")).to_contain_text("Server tidak terjangkau")
    desk.button("Coba lagi").click()
    expect(desk.page.locator("table.rows")).to_be_visible()
