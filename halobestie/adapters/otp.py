"""How a one-time code reaches a phone: Fazpass, or the log.

Both return at once from `send`. Fazpass is spoken to by a few workers behind a bounded
queue, so that a slow gateway neither holds a request nor tells by its slowness whether a
phone was known. A code is delivered at most a few times, and possibly never: people ask
for another one.
"""

from collections.abc import Awaitable, Callable

import httpx
import msgspec
import structlog
import trio

WORKERS = 4
WAITING = 1000  # codes; beyond that they are dropped, and said so in the log
ANSWER_WITHIN = 15.0  # seconds
TRIES = 3
REMEMBERED = 1000  # phones whose last code the stub tells
PAUSES = (1.0, 4.0)  # seconds before the second and the third try

_log = structlog.get_logger("halobestie.otp")

Sleep = Callable[[float], Awaitable[None]]


class StubSender:
    """Writes the code to the log, and remembers it: development has no phones."""

    def __init__(self) -> None:
        self._sent: dict[str, str] = {}

    def send(self, phone: str, code: str) -> None:
        self._sent.pop(phone, None)
        self._sent[phone] = code
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        # The one line in which a phone and a code may stand; clients of the log rely on it.
        _log.info(f"[OTP STUB] phone={phone} code={code}")

    def last_code(self, phone: str) -> str | None:
        """What would have come to this phone last, for the test route."""
        return self._sent.get(phone)


class _Envelope(msgspec.Struct):
    status: bool = False


class FazpassSender:
    """Sends our own codes by Fazpass's `/v1/otp/send`. `run` does the work."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        *,
        merchant_key: str,
        gateway_key: str,
        sleep: Sleep = trio.sleep,
    ) -> None:
        self._http = http
        self._url = f"{base_url}/v1/otp/send"
        self._headers = {"Authorization": f"Bearer {merchant_key}"}
        self._gateway_key = gateway_key
        self._sleep = sleep
        self._queue, self._work = trio.open_memory_channel[tuple[str, str]](WAITING)

    def send(self, phone: str, code: str) -> None:
        try:
            self._queue.send_nowait((phone, code))
        except trio.WouldBlock:
            _log.error("one-time code dropped: the gateway is too slow")

    def last_code(self, phone: str) -> str | None:
        """Only the phone knows."""
        return None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(self._deliver_all)
            task_status.started()

    async def _deliver_all(self) -> None:
        async for phone, code in self._work:
            for pause in (*PAUSES, None):
                again = await self._deliver(phone, code)
                if not again or pause is None:
                    break
                await self._sleep(pause)

    async def _deliver(self, phone: str, code: str) -> bool:
        """One try; whether another may help."""
        body = {"phone": phone.removeprefix("+"), "otp": code, "gateway_key": self._gateway_key}
        try:
            response = await self._http.post(
                self._url, json=body, headers=self._headers, timeout=ANSWER_WITHIN
            )
        except httpx.HTTPError as error:
            _log.warning("one-time code not sent", error=type(error).__name__)
            return True
        if response.is_success and _accepted(response.content):
            return False
        _log.warning("one-time code refused by the gateway", status=response.status_code)
        return response.status_code == 429 or response.status_code >= 500


def _accepted(content: bytes) -> bool:
    # Success is a 2xx whose envelope says `status: true`; a 2xx alone is not.
    try:
        return msgspec.json.decode(content, type=_Envelope).status
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
