"""One message to Google: what its answers mean, and one access token for all."""

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from actors import Clock
from halobestie.adapters.fcm import BadServiceAccount, FcmCourier, read_service_account
from halobestie.push.ports import DeadToken, Delivered, Fate, OurMistake, TryLater
from tests.fakes.fcm import HTML, UNAVAILABLE, UNREGISTERED, Answer, FakeFcm, error

MESSAGE = {"token": "phone", "data": {"type": "chat_message"}}


@pytest.fixture
async def courier(google: FakeFcm) -> AsyncIterator[FcmCourier]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        account = read_service_account(google.account_path)
        yield FcmCourier(account, google.url, http, Clock())


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        pytest.param(UNREGISTERED, DeadToken("UNREGISTERED"), id="dead token"),
        pytest.param(
            error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.token"),
            DeadToken("INVALID_ARGUMENT"),
            id="no token at all",
        ),
        pytest.param(
            error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.data"),
            OurMistake("INVALID_ARGUMENT"),
            id="our mistake",
        ),
        pytest.param(
            error(400, "INVALID_ARGUMENT"), OurMistake("INVALID_ARGUMENT"), id="only BadRequest"
        ),
        pytest.param(
            error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            DeadToken("SENDER_ID_MISMATCH", alert=True),
            id="another project's token",
        ),
        pytest.param(
            error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
            TryLater("THIRD_PARTY_AUTH_ERROR", alert=True),
            id="the APNs key",
        ),
        pytest.param(
            error(401, "UNAUTHENTICATED", "APNS_AUTH_ERROR"),
            TryLater("THIRD_PARTY_AUTH_ERROR", alert=True),
            id="the APNs key, by its old name",
        ),
        pytest.param(
            error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="17"),
            TryLater("QUOTA_EXCEEDED", 17.0, everybody=True),
            id="quota",
        ),
        pytest.param(UNAVAILABLE, TryLater("UNAVAILABLE"), id="unavailable"),
        pytest.param(
            error(500, "INTERNAL", "INTERNAL", Retry_After="12"),
            TryLater("INTERNAL", 12.0),
            id="internal",
        ),
        pytest.param(HTML, TryLater("502"), id="a gateway's page"),
        pytest.param(
            error(404, "NOT_FOUND"), OurMistake("NOT_FOUND"), id="no such project: the token lives"
        ),
        pytest.param(
            error(403, "PERMISSION_DENIED"),
            TryLater("PERMISSION_DENIED", everybody=True, alert=True),
            id="the account may not send",
        ),
        pytest.param((200, {}, "{}"), TryLater("no_name"), id="no name"),
    ],
)
async def test_each_answer_has_its_meaning(
    courier: FcmCourier, google: FakeFcm, answer: Answer, fate: Fate
) -> None:
    google.answers_with(answer)
    assert await courier.send(MESSAGE) == fate


async def test_many_at_once_fetch_one_access_token(courier: FcmCourier, google: FakeFcm) -> None:
    fates: list[Fate] = []

    async def send() -> None:
        fates.append(await courier.send(MESSAGE))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(send)

    assert [type(fate) for fate in fates] == [Delivered] * 10
    assert google.tokens_given == 1


async def test_a_token_that_google_has_forgotten_is_renewed_once(
    courier: FcmCourier, google: FakeFcm
) -> None:
    await courier.send(MESSAGE)
    google.forgets_tokens()
    assert isinstance(await courier.send(MESSAGE), Delivered)
    assert google.tokens_given == 2


async def test_nobody_there_is_no_crash(google: FakeFcm) -> None:
    account = read_service_account(google.account_path)
    async with httpx.AsyncClient(trust_env=False) as http:
        nowhere = FcmCourier(account, "http://127.0.0.1:9", http, Clock())
        assert await nowhere.send(MESSAGE) == TryLater("ConnectError")


async def test_a_file_that_is_no_service_account_is_refused_without_showing_it(
    google: FakeFcm,
) -> None:
    for content in ("secret", '{"project_id": "secret"}'):
        google.account_path.write_text(content)
        with pytest.raises(BadServiceAccount) as refused:
            read_service_account(google.account_path)
        assert "secret" not in str(refused.value)
