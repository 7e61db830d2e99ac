"""What nobody may read in a log: tokens, codes, phones, passwords."""

import io
import logging
import re

import pytest

from halobestie.log import configure_logging
from tests.accounts.test_operators import hire
from tests.accounts.world import ADMIN, SECRET, Browser, World

PHONE = "+6281234567890"


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_run_leaves_no_secret_in_its_log(world: World, log_format: str) -> None:
    written = io.StringIO()
    configure_logging(log_format, level=logging.DEBUG, stream=written)  # type: ignore[arg-type]
    secrets = {SECRET, ADMIN[1], PHONE, PHONE[1:], "0812-3456-7890", "device-token-of-sari"}

    customer = await world.anonymous()
    secrets |= _tokens(customer)
    await world.by_phone("0812-3456-7890", browser=customer)
    secrets |= _tokens(customer) | {code for _, code in world.mail.codes}
    customer.take(await customer.refreshes())
    device = {"fcm_token": "device-token-of-sari", "platform": "android"}
    await customer.call("PUT", "/api/shared/devices", device)
    await customer.call("DELETE", "/api/shared/devices/device-token-of-sari")
    await customer.get(f"/api/shared/auth/me?access_token={customer.access_token}")
    await customer.post("/api/client/auth/otp/verify", {"phone": PHONE, "code": "999999"})
    await customer.post("/api/client/auth/google", {"id_token": "eyJh.eyJi.sig", "nonce": "n0nce"})
    await customer.get(f"/no/such/path/{customer.refresh_token}")

    boss = await world.operator()
    assert boss.cookie is not None
    secrets |= _tokens(boss) | {boss.cookie, boss.cookie.partition("=")[2]}
    await hire(boss, password="a password to keep")
    await boss.get(f"/internal/customers?query={PHONE[1:]}")
    await boss.post("/internal/auth/login", {"email": ADMIN[0], "password": "a wrong guess"})
    secrets |= {"a password to keep", "a wrong guess", "eyJh.eyJi.sig", "n0nce", "999999"}
    await _crash(world, customer)
    secrets |= _tokens(customer)

    # Times and ids are random digits, among which six may look like a code.
    log = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b[0-9a-f]{32}\b", "", written.getvalue())
    assert log.count("request") > 10
    assert "handler crashed" in log
    assert [secret for secret in secrets if secret in log] == []


async def _crash(world: World, customer: Browser) -> None:
    """A bug whose exception and locals hold what must not be told."""

    async def buggy(user_id: object) -> object:
        raise RuntimeError(f"could not export {PHONE} of {customer.access_token}")

    world.ports.exports["buggy"] = buggy
    answer = await customer.get("/api/client/account/export")
    assert answer.status == 500
    assert PHONE not in answer.raw.decode()


def _tokens(browser: Browser) -> set[str]:
    return {token for token in (browser.access_token, browser.refresh_token) if token}
