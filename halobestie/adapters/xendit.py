"""Xendit's invoices over HTTP (the v2 invoice API, behind the `Gateway` port).

A POST that timed out, or was answered with what is no answer (5xx, HTML), may have made
the invoice: it is looked for by `external_id` before anything is posted again. 429 is
waited out as the headers say, when that fits into the time a customer waits. Nothing is
logged but statuses: bodies and headers carry the key and people's data.
"""

from typing import Any
from uuid import UUID

import httpx
import msgspec
import trio

from halobestie.payments.gateway import Invoice, ProviderUnavailable

CALL_TIMEOUT = 8.0  # seconds for one request and its answer
CREATE_TIMEOUT = 25.0  # seconds for all tries of one creation; under the idempotency claim
TRIES = 3
PAUSE = 0.3  # seconds before a second try after an answer that was none
LONGEST_WAIT = 5.0  # seconds of rate limit that a customer may be kept waiting for


class _Body(msgspec.Struct, frozen=True):
    id: str
    external_id: str
    status: str
    amount: float
    currency: str | None = None
    invoice_url: str | None = None
    paid_amount: float | None = None

    def invoice(self) -> Invoice:
        amounts = (self.paid_amount, self.amount)
        return Invoice(
            id=self.id,
            external_id=self.external_id,
            status=self.status,
            amounts=tuple(amount for amount in amounts if amount is not None),
            currency=self.currency,
            invoice_url=self.invoice_url,
        )


class _Unclear(ProviderUnavailable):
    """No answer, or none that says whether it was done."""


class _Refused(ProviderUnavailable):
    """A clear no. `status` and Xendit's own code say why; trying again would not help."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status


class XenditGateway:
    """See `payments.gateway.Gateway`. One per node; close it at the end."""

    def __init__(
        self, base_url: str, secret_key: str, *, call_timeout: float = CALL_TIMEOUT
    ) -> None:
        self._call_timeout = call_timeout
        # Proxies of the environment must not see the key.
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=httpx.BasicAuth(secret_key, ""),
            timeout=call_timeout,
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def create_invoice(
        self, external_id: UUID, amount: int, description: str, seconds: int, *, known: bool
    ) -> Invoice:
        body = {
            "external_id": str(external_id),
            "amount": amount,
            "currency": "IDR",
            "description": description,
            "invoice_duration": seconds,
        }
        look_first = known
        problem: ProviderUnavailable = _Unclear("too slow")
        with trio.move_on_after(CREATE_TIMEOUT):
            for attempt in range(TRIES):
                if attempt:
                    await trio.sleep(PAUSE * attempt)
                try:
                    if look_first:
                        usable = [
                            one for one in await self.invoices_of(external_id) if not one.is_expired
                        ]
                        if usable:
                            return usable[0]
                    return self._one(await self._call("POST", "/v2/invoices/", json=body))
                except _Unclear as unclear:
                    look_first = True
                    problem = unclear
        raise problem

    async def invoice(self, invoice_id: str) -> Invoice | None:
        try:
            return self._one(await self._call("GET", f"/v2/invoices/{invoice_id}"))
        except _Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def invoices_of(self, external_id: UUID) -> list[Invoice]:
        raw = await self._call("GET", "/v2/invoices", params={"external_id": str(external_id)})
        try:
            found = msgspec.json.decode(raw, type=list[_Body])
        except msgspec.DecodeError as error:
            raise _Unclear("an answer that is no list of invoices") from error
        return [body.invoice() for body in found if body.external_id == str(external_id)]

    async def expire_invoice(self, invoice_id: str) -> bool:
        try:
            await self._call("POST", f"/invoices/{invoice_id}/expire!")
        except _Refused as refused:
            if refused.status in (400, 404):
                return False
            raise
        return True

    def _one(self, raw: bytes) -> Invoice:
        try:
            return msgspec.json.decode(raw, type=_Body).invoice()
        except msgspec.DecodeError as error:
            raise _Unclear("an answer that is no invoice") from error

    async def _call(self, method: str, path: str, **how: Any) -> bytes:
        """The body of a 2xx answer. 429 is waited out once, if it is soon over."""
        for last_try in (False, True):
            try:
                with trio.fail_after(self._call_timeout):
                    answer = await self._http.request(method, path, **how)
            except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
                raise _Unclear(type(error).__name__) from error
            if answer.is_success:
                return answer.content
            if answer.status_code != 429:
                break
            wait = _seconds_to_wait(answer)
            if last_try or wait > LONGEST_WAIT:
                raise _Refused(429, "rate limited")
            await trio.sleep(wait)
        if answer.is_server_error or answer.status_code in (408, 425):
            raise _Unclear(str(answer.status_code))
        raise _Refused(answer.status_code, _error_code(answer))


def _seconds_to_wait(answer: httpx.Response) -> float:
    """Seconds that remain, as Xendit's own header counts them, or HTTP's."""
    for header in ("Rate-Limit-Reset", "Retry-After"):
        try:
            return max(0.0, float(answer.headers[header]))
        except (KeyError, ValueError):
            continue
    return 1.0


def _error_code(answer: httpx.Response) -> str:
    try:
        code = answer.json()["error_code"]
    except (ValueError, KeyError, TypeError):
        return "?"
    return str(code)[:60]
