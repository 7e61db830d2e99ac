"""How a code leaves the house."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from halobestie.adapters.otp import PAUSES, FazpassSender, StubSender
from tests.accounts.providers import FakeFazpass, served

PHONE = "+6281234567890"


def test_the_stub_writes_the_line_that_people_look_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        StubSender().send(PHONE, "012345")

    assert "[OTP STUB] phone=+6281234567890 code=012345" in caplog.text


class Sleeps:
    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await trio.lowlevel.checkpoint()


@pytest.fixture
async def fazpass() -> FakeFazpass:
    return FakeFazpass()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def sender(fazpass: FakeFazpass, sleeps: Sleeps) -> AsyncIterator[FazpassSender]:
    async with (
        served(fazpass.app) as url,
        httpx.AsyncClient(trust_env=False) as http,
        trio.open_nursery() as nursery,
    ):
        sender = FazpassSender(
            http, url, merchant_key="merchant", gateway_key="gateway", sleep=sleeps
        )
        await nursery.start(sender.run)
        yield sender
        nursery.cancel_scope.cancel()


async def test_fazpass_gets_our_code_for_the_phone(
    fazpass: FakeFazpass, sender: FazpassSender
) -> None:
    sender.send(PHONE, "123456")
    await fazpass.arrivals.receive()

    assert fazpass.seen == [
        (
            "Bearer merchant",
            {"phone": "6281234567890", "otp": "123456", "gateway_key": "gateway"},
        )
    ]


async def test_a_busy_gateway_is_asked_again(
    fazpass: FakeFazpass, sender: FazpassSender, sleeps: Sleeps
) -> None:
    fazpass.answers = [({}, 429), ("<html>bad gateway</html>", 502)]
    sender.send(PHONE, "123456")
    for _ in range(3):
        await fazpass.arrivals.receive()

    assert sleeps.asked == list(PAUSES)


@pytest.mark.parametrize("answer", [({"status": False}, 200), ({"status": True}, 402), ("", 200)])
async def test_a_refusal_is_not_repeated_and_tells_no_code(
    fazpass: FakeFazpass,
    sender: FazpassSender,
    sleeps: Sleeps,
    answer: tuple[object, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fazpass.answers = [answer]
    sender.send(PHONE, "123456")
    await fazpass.arrivals.receive()
    sender.send(PHONE, "654321")
    await fazpass.arrivals.receive()

    assert sleeps.asked == []
    assert "123456" not in caplog.text
    assert PHONE not in caplog.text
