"""Phones, names and nonces, without a server."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halobestie.accounts.rules import (
    clean_name,
    masked,
    new_code,
    nonce_fits,
    normalise_phone,
    search_text,
)
from halobestie.errors import Invalid


@pytest.mark.parametrize(
    "written",
    [
        "081234567890", "6281234567890", "+6281234567890", "+62 812-3456-7890",
        "0062 812 3456 7890", "81234567890", "+62 0812 3456 7890", "620812 3456 7890",
        "٠٨١٢٣٤٥٦٧٨٩٠", "０８１２３４５６７８９０", "  (0812) 3456.7890 ",
    ],
)  # fmt: skip
def test_a_phone_may_be_written_in_many_ways(written: str) -> None:
    assert normalise_phone(written) == "+6281234567890"


@pytest.mark.parametrize(
    "written",
    [
        "hello", "", " ", "0812", "+1 202 555 0123", "021 1234567", "0800 1 234567",
        "081234567890x12", "0812ABCDEFG", "tel:081234567890", "081234567890;ext=5",
        "+62" + "8" * 25, "0" * 40, "++6281234567890", "0812345678\x00",
    ],
)  # fmt: skip
def test_what_is_no_mobile_phone_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        normalise_phone(written)


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_phone_or_refused(written: str) -> None:
    try:
        phone = normalise_phone(written)
    except Invalid:
        return
    assert phone.startswith("+628")
    assert normalise_phone(phone) == phone


@given(st.text(max_size=60))
def test_a_name_is_clean_or_refused(text: str) -> None:
    try:
        name = clean_name(text)
    except Invalid:
        return
    assert 1 <= len(name) <= 40
    assert name == clean_name(name) == name.strip()
    assert "\0" not in name


def test_a_masked_phone_does_not_tell_the_phone() -> None:
    assert masked("+6281234567890") == "+62812…7890"


def test_codes_are_six_digits() -> None:
    codes = {new_code() for _ in range(200)}

    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 190


def test_a_nonce_fits_raw_or_as_its_digest() -> None:
    assert nonce_fits("n-1", "n-1")
    assert nonce_fits(hashlib.sha256(b"n-1").hexdigest(), "n-1")
    for claimed in ("n-2", None, 5, "", ["n-1"]):
        assert not nonce_fits(claimed, "n-1")


def test_an_operator_searches_phones_as_people_write_them() -> None:
    assert search_text("0812") == "62812"
    assert search_text(" Sari ") == "Sari"
    assert search_text("") is search_text(None) is None
