"""Every variable: its default, a good value, and the one line that refuses a bad one."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halobestie.secrets import FILE_NAME, with_generated_secrets
from halobestie.settings import Bind, Secret, Settings, SettingsError, read_settings

ROOT = Path(__file__).resolve().parents[1]
JWT_SECRET = "a secret of thirty-two bytes, or more"
PRODUCTION = {
    "HALOBESTIE_ENV": "production",
    "AUTH_JWT_SECRET": JWT_SECRET,
    "DATABASE_URL": "postgresql://halo:pass@db/halo",
    "VALKEY_URL": "redis://cache:6379",
}

DEFAULTS: dict[str, Any] = {
    "PUBLIC_BIND": Bind("0.0.0.0", 3000),
    "INTERNAL_BIND": Bind("127.0.0.1", 3001),
    "PORT": None,
    "DATABASE_URL": None,
    "VALKEY_URL": None,
    "DATA_DIR": Path(".halobestie"),
    "HALOBESTIE_ENV": "development",
    "TEST_ROUTES_ENABLED": True,
    "AUTH_JWT_SECRET": None,
    "CC_ADMIN_EMAIL": "admin@halobestie.local",
    "CC_ADMIN_PASSWORD": None,
    "MITRA_HEARTBEAT_CADENCE_SECONDS": 15,
    "DRAIN_TIMEOUT_SECONDS": 8.0,
    "CORS_ALLOWED_ORIGINS": (),
    "XENDIT_ENABLED": False,
    "XENDIT_SECRET_KEY": None,
    "XENDIT_CALLBACK_TOKEN": None,
    "XENDIT_BASE_URL": "https://api.xendit.co",
    "XENDIT_POLL_SECONDS": 0,
    "FIREBASE_SERVICE_ACCOUNT_PATH": None,
    "FCM_BASE_URL": "https://fcm.googleapis.com",
    "GOOGLE_CLIENT_IDS": (),
    "APPLE_CLIENT_IDS": (),
    "GOOGLE_JWKS_URL": "https://www.googleapis.com/oauth2/v3/certs",
    "APPLE_JWKS_URL": "https://appleid.apple.com/auth/keys",
    "OTP_COOLDOWN_SECONDS": 60,
    "ANONYMOUS_SIGNUPS_PER_MINUTE": 0,
    "SOCKET_FRAMES_PER_SECOND": 50,
    "CC_COOKIE_SAMESITE": "Strict",
    "FAZPASS_MERCHANT_KEY": None,
    "FAZPASS_GATEWAY_KEY": None,
    "FAZPASS_BASE_URL": "https://api.fazpass.com",
    "TRUSTED_PROXY_HOPS": 0,
    "LOG_FORMAT": None,
}

GOOD: list[tuple[str, str, Any]] = [
    ("PUBLIC_BIND", "127.0.0.1:0", Bind("127.0.0.1", 0)),
    ("PUBLIC_BIND", "[::1]:3000", Bind("::1", 3000)),
    ("INTERNAL_BIND", "localhost:3001", Bind("localhost", 3001)),
    ("PORT", "8080", 8080),
    ("DATABASE_URL", "postgresql://u:p@h/d", Secret("postgresql://u:p@h/d")),
    ("VALKEY_URL", "unix:///run/valkey.sock", Secret("unix:///run/valkey.sock")),
    ("DATA_DIR", "/var/lib/halo", Path("/var/lib/halo")),
    ("HALOBESTIE_ENV", "development", "development"),
    ("TEST_ROUTES_ENABLED", "FALSE", False),
    ("AUTH_JWT_SECRET", JWT_SECRET, Secret(JWT_SECRET)),
    ("CC_ADMIN_EMAIL", "Ops@Halo.Example", "ops@halo.example"),
    ("CC_ADMIN_PASSWORD", "correct horse", Secret("correct horse")),
    ("MITRA_HEARTBEAT_CADENCE_SECONDS", "1", 1),
    ("DRAIN_TIMEOUT_SECONDS", "0.5", 0.5),
    ("CORS_ALLOWED_ORIGINS", "https://a.example, http://b:8080", ("https://a.example", "http://b:8080")),
    ("XENDIT_SECRET_KEY", "xnd_development_1", Secret("xnd_development_1")),
    ("XENDIT_CALLBACK_TOKEN", "token", Secret("token")),
    ("XENDIT_BASE_URL", "http://127.0.0.1:9/", "http://127.0.0.1:9"),
    ("XENDIT_POLL_SECONDS", "30", 30),
    ("FCM_BASE_URL", "http://127.0.0.1:9", "http://127.0.0.1:9"),
    ("FIREBASE_SERVICE_ACCOUNT_PATH", __file__, Path(__file__)),
    ("GOOGLE_CLIENT_IDS", "one,,two ,", ("one", "two")),
    ("APPLE_CLIENT_IDS", "one", ("one",)),
    ("GOOGLE_JWKS_URL", "http://127.0.0.1:9/keys", "http://127.0.0.1:9/keys"),
    ("APPLE_JWKS_URL", "http://127.0.0.1:9/keys", "http://127.0.0.1:9/keys"),
    ("OTP_COOLDOWN_SECONDS", "0", 0),
    ("ANONYMOUS_SIGNUPS_PER_MINUTE", "7", 7),
    ("SOCKET_FRAMES_PER_SECOND", "500", 500),
    ("CC_COOKIE_SAMESITE", "None", "None"),
    ("FAZPASS_GATEWAY_KEY", "gate", Secret("gate")),
    ("FAZPASS_BASE_URL", "http://127.0.0.1:9", "http://127.0.0.1:9"),
    ("TRUSTED_PROXY_HOPS", "2", 2),
    ("LOG_FORMAT", "json", "json"),
]  # fmt: skip

BAD = [
    ("PUBLIC_BIND", "3000"),
    ("PUBLIC_BIND", "host:70000"),
    ("INTERNAL_BIND", "host:port"),
    ("PORT", "http"),
    ("PORT", "-1"),
    ("DATABASE_URL", "mysql://u:hunter2@h/d"),
    ("VALKEY_URL", "cache:6379"),
    ("DATA_DIR", "a\0b"),
    ("HALOBESTIE_ENV", "staging"),
    ("TEST_ROUTES_ENABLED", "maybe"),
    ("AUTH_JWT_SECRET", "too short, hunter2"),
    ("CC_ADMIN_EMAIL", "admin"),
    ("MITRA_HEARTBEAT_CADENCE_SECONDS", "0"),
    ("MITRA_HEARTBEAT_CADENCE_SECONDS", "1.5"),
    ("DRAIN_TIMEOUT_SECONDS", "soon"),
    ("DRAIN_TIMEOUT_SECONDS", "0"),
    ("DRAIN_TIMEOUT_SECONDS", "nan"),
    ("CORS_ALLOWED_ORIGINS", "*"),
    ("CORS_ALLOWED_ORIGINS", "https://a.example/path"),
    ("XENDIT_ENABLED", "2"),
    ("XENDIT_BASE_URL", "ftp://x"),
    ("XENDIT_POLL_SECONDS", "-1"),
    ("FIREBASE_SERVICE_ACCOUNT_PATH", "/nowhere/account.json"),
    ("FCM_BASE_URL", "fcm"),
    ("GOOGLE_JWKS_URL", "x"),
    ("APPLE_JWKS_URL", "x"),
    ("OTP_COOLDOWN_SECONDS", "1e3"),
    ("ANONYMOUS_SIGNUPS_PER_MINUTE", "many"),
    ("SOCKET_FRAMES_PER_SECOND", "0"),
    ("CC_COOKIE_SAMESITE", "strict"),
    ("FAZPASS_BASE_URL", "fazpass"),
    ("TRUSTED_PROXY_HOPS", "6"),
    ("LOG_FORMAT", "xml"),
]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_variable_that_is_unset_or_empty_has_its_default(name: str) -> None:
    for environ in ({}, {name: ""}, {name: "  "}):
        assert getattr(read_settings(environ), name.lower()) == DEFAULTS[name]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_good_value_arrives_with_its_type(name: str, text: str, value: Any) -> None:
    assert getattr(read_settings({name: text}), name.lower()) == value


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_in_one_line_that_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} must ") as refused:
        read_settings({name: text})
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_port_moves_the_public_listener_to_every_address() -> None:
    settings = read_settings({"PORT": "8080", "PUBLIC_BIND": "127.0.0.1:1"})
    assert settings.public_bind == Bind("0.0.0.0", 8080)
    assert settings.trusted_proxy_hops == 1


@pytest.mark.parametrize("name", ["AUTH_JWT_SECRET", "DATABASE_URL", "VALKEY_URL"])
def test_production_refuses_to_start_without(name: str) -> None:
    environ = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(SettingsError, match=rf"^{name} must be set in production$"):
        read_settings(environ)


def test_production_never_opens_the_test_routes() -> None:
    assert read_settings(PRODUCTION).test_routes_enabled is False
    with pytest.raises(SettingsError, match=r"^TEST_ROUTES_ENABLED must not be true in production"):
        read_settings({**PRODUCTION, "TEST_ROUTES_ENABLED": "true"})


def test_production_limits_anonymous_signups_unless_told_otherwise() -> None:
    assert read_settings(PRODUCTION).anonymous_signups_per_minute == 120
    unlimited = {**PRODUCTION, "ANONYMOUS_SIGNUPS_PER_MINUTE": "0"}
    assert read_settings(unlimited).anonymous_signups_per_minute == 0


@pytest.mark.parametrize("name", ["XENDIT_SECRET_KEY", "XENDIT_CALLBACK_TOKEN"])
def test_real_invoices_need_their_secrets(name: str) -> None:
    environ = {"XENDIT_ENABLED": "true", "XENDIT_SECRET_KEY": "k", "XENDIT_CALLBACK_TOKEN": "t"}
    assert read_settings(environ).xendit_enabled
    del environ[name]
    with pytest.raises(SettingsError, match=rf"^{name} must be set when XENDIT_ENABLED"):
        read_settings(environ)


def test_one_time_codes_by_fazpass_need_both_keys() -> None:
    keys = {"FAZPASS_MERCHANT_KEY": "key", "FAZPASS_GATEWAY_KEY": "gate"}
    assert read_settings(keys).fazpass_merchant_key == Secret("key")
    with pytest.raises(SettingsError, match=r"^FAZPASS_GATEWAY_KEY must be set"):
        read_settings({"FAZPASS_MERCHANT_KEY": "key"})


def test_secrets_show_themselves_to_nobody() -> None:
    settings = read_settings({**PRODUCTION, "CC_ADMIN_PASSWORD": "hunter2"})
    for text in (repr(settings), str(settings), f"{settings.cc_admin_password}"):
        assert "hunter2" not in text
        assert "pass@db" not in text
        assert JWT_SECRET not in text
    assert settings.cc_admin_password is not None
    assert settings.cc_admin_password.reveal() == "hunter2"


def test_the_example_file_lists_every_variable_with_its_default(tmp_path: Path) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]", line))
    assert {name.lower() for name in example} == {
        field.name for field in msgspec.structs.fields(Settings)
    }
    assert read_settings(example) == read_settings({})


def test_development_makes_its_secrets_once_and_keeps_them_from_others(tmp_path: Path) -> None:
    bare = read_settings({"DATA_DIR": str(tmp_path / "data")})
    first, second = with_generated_secrets(bare), with_generated_secrets(bare)
    assert first == second
    assert first.auth_jwt_secret is not None
    assert first.cc_admin_password is not None
    assert len(first.auth_jwt_secret.reveal().encode()) >= 32
    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_secret_that_was_given_is_not_replaced(tmp_path: Path) -> None:
    given = read_settings({"DATA_DIR": str(tmp_path), "AUTH_JWT_SECRET": JWT_SECRET})
    assert with_generated_secrets(given).auth_jwt_secret == Secret(JWT_SECRET)


def test_production_generates_nothing(tmp_path: Path) -> None:
    settings = read_settings({**PRODUCTION, "DATA_DIR": str(tmp_path)})
    assert with_generated_secrets(settings) == settings
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_spoilt_generated_secrets_stop_the_start_in_one_line(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(SettingsError, match=r"^DATA_DIR cannot keep secrets\.json"):
        with_generated_secrets(read_settings({"DATA_DIR": str(tmp_path)}))
