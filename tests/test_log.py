"""One line per event, whoever says it, and no secret in any."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from halobestie.log import configure_logging
from tests.conftest import ErrorLog

PHONE = "+6281234567890"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def output() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    return stream


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


SECRET_KEYS = (
    "phone password access_token refresh_token AUTH_JWT_SECRET authorization set_cookie "
    "code otp_code content database_url api_key fcm_token"
)


@pytest.mark.parametrize("key", SECRET_KEYS.split())
def test_what_stands_under_a_secret_key_is_not_written(output: io.StringIO, key: str) -> None:
    structlog.get_logger().info("signed in", **{key: "hunter2"})
    assert "hunter2" not in output.getvalue()
    assert lines(output)[0][key] == "…"


def test_plain_facts_are_written(output: io.StringIO) -> None:
    facts = {"session_id": "0190", "exit_code": -9, "count": 3, "kind": "Barcode"}
    structlog.get_logger().warning("counted", **facts)
    line = lines(output)[0]
    assert line.items() >= {**facts, "event": "counted", "level": "warning"}.items()
    assert line["timestamp"].endswith("Z")


def test_the_stub_providers_line_is_written_exactly(output: io.StringIO) -> None:
    said = f"[OTP STUB] phone={PHONE} code=123456"
    structlog.get_logger().info(said)
    assert lines(output)[0]["event"] == said


@pytest.mark.parametrize("name", ["hypercorn.error", "quart.app", "asyncpg", "anything"])
def test_libraries_speak_through_the_same_door(output: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("%s is %d", "it", 3)
    assert lines(output)[0].items() >= {"event": "it is 3", "level": "warning"}.items()


def test_user_data_in_a_librarys_text_is_not_written(output: io.StringIO) -> None:
    logging.getLogger("hypercorn.error").warning("GET /api/client/ws?access_token=%s", TOKEN)
    logging.getLogger("asyncpg").warning("connecting to postgresql://halo:hunter2@db/halo")
    assert TOKEN not in output.getvalue()
    assert "hunter2" not in output.getvalue()
    assert "postgresql://…@db/halo" in output.getvalue()


def test_user_data_in_a_traceback_is_not_written(
    output: io.StringIO, expected_errors: ErrorLog
) -> None:
    detail = f"duplicate key\nDETAIL:  Key (phone)=({PHONE}) already exists."
    argument = "invalid input for query argument $1: 'my heart is heavy' (expected int)"
    for text in (detail, argument, f"token {TOKEN}"):
        try:
            raise ValueError(text)
        except ValueError:
            structlog.get_logger().exception("went wrong")
    for private in (PHONE, "heavy", TOKEN):
        assert private not in output.getvalue()
    assert all("ValueError" in line["exception"] for line in lines(output))


def test_requests_of_our_own_clients_are_not_told(output: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST https://api.example/otp")
    assert output.getvalue() == ""


def test_an_unclaimed_error_fails_its_test() -> None:
    errors = ErrorLog()
    errors.logged.append("the journal failed")
    with pytest.raises(AssertionError, match="the journal failed"):
        errors.check()
    errors.expect("journal")
    errors.check()
    errors.expect("never came")
    with pytest.raises(AssertionError, match="never came"):
        errors.check()
