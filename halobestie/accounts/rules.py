"""Pure decisions about phones, names, codes and nonces. Nothing here waits or knows the time."""

import hashlib
import hmac
import re
import secrets
import unicodedata

import phonenumbers

from halobestie.errors import Invalid

CODE_DIGITS = 6
MAX_NAME = 40

_REGION = "ID"
# No letters (vanity numbers), no extensions, nothing longer than a number can be.
_PHONE_SHAPE = re.compile(r"\+?[0-9 ().\-]{6,30}")


def normalise_phone(text: str) -> str:
    """An Indonesian mobile number in E.164. Invalid (422) for anything else.

    `0812…`, `62812…`, `+62 0812…`, `0062…` and bare `812…` are the same phone.
    """
    # Other scripts' digits and full-width forms become ASCII here.
    digits = phonenumbers.normalize_digits_only(text.strip(), keep_non_digits=True)
    if not _PHONE_SHAPE.fullmatch(digits):
        raise _no_phone()
    # `00` is no exit code of Indonesia's (those are 00[89]), yet everybody types it.
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    try:
        number = phonenumbers.parse(digits, _REGION)
    except phonenumbers.NumberParseException:
        raise _no_phone() from None
    if (
        phonenumbers.region_code_for_number(number) != _REGION
        or phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE
        or not phonenumbers.is_valid_number(number)
    ):
        raise _no_phone()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _no_phone() -> Invalid:
    return Invalid("phone", "must be an Indonesian mobile number")


def masked(phone: str) -> str:
    """Enough of a phone to recognise it in the audit log: `+62811…0001`."""
    return f"{phone[:6]}…{phone[-4:]}"


def clean_name(text: str) -> str:
    """A display name without outer or doubled spaces. Invalid if nothing visible is left."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise Invalid("display_name", "must be one line of text")
    name = " ".join(text.split())
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise Invalid("display_name", "must have a visible character")
    if len(name) > MAX_NAME:
        raise Invalid("display_name", f"must have at most {MAX_NAME} characters")
    return name


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def nonce_fits(claimed: object, given: str) -> bool:
    """Whether a token's nonce is the one that the app sent, raw or as its SHA-256 in hex."""
    if not isinstance(claimed, str):
        return False
    forms = (given, hashlib.sha256(given.encode()).hexdigest())
    return any(hmac.compare_digest(claimed.encode(), form.encode()) for form in forms)


def search_text(text: str | None) -> str | None:
    """What an operator typed, as it stands in names and phones: `0812` is in `+62812…`."""
    words = (text or "").strip()
    if words.isdigit() and words.startswith("0"):
        return "62" + words[1:]
    return words or None
