"""A pretend Xendit, for people and for tests: `python3 run.py fake-xendit`.

Speaks the part of the invoice API that the house uses, over HTTP, and has a small page
that says "Bayar", so that the whole way of a payment can be clicked through without keys.
Its faults are what the real one does on a bad day: an answer that never comes after the
work was done, 429, 5xx, HTML, callbacks twice, late and out of order. Forgets everything
when it ends.
"""

import argparse
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from html import escape
from typing import Any

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import redirect, request
from quart.wrappers import Response
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.wrappers import Response as Redirect

from actors import Clock
from halobestie.ids import new_id
from halobestie.web.answers import ok

CALLBACK_PATH = "/api/shared/payment/webhooks/xendit"
CALLBACK_TIMEOUT = 10.0  # seconds; Xendit's own is 30
DAY = 86_400  # seconds that an invoice lives when nothing is said

Invoice = dict[str, Any]


class Fault(Enum):
    """What goes wrong with one call of the API."""

    SILENCE = auto()
    """Nothing is done and nothing is answered."""
    SILENCE_AFTER = auto()
    """It is done, and nothing is answered."""
    HTML = auto()
    """502 with a page, and nothing is done."""
    HTML_AFTER = auto()
    """It is done, and answered with 502 and a page."""
    SERVER_ERROR = auto()
    RATE_LIMIT = auto()
    """429, over in 50 ms."""
    LONG_RATE_LIMIT = auto()
    """429, over in a minute."""
    REFUSAL = auto()
    """400, with Xendit's own error code."""


class FakeXendit:
    """The state, the faults and the routes."""

    def __init__(self, *, callback_url: str = "", callback_token: str = "") -> None:
        self.invoices: dict[str, Invoice] = {}
        self.calls: list[str] = []
        """Method and path of every call of the API."""
        self.faults: deque[Fault] = deque()
        """The next calls' faults, one each."""
        self.is_down = False
        """Whether every call is answered with 503."""
        self.url = ""
        self._callback_url = callback_url
        self._callback_token = callback_token
        self._clock = Clock()
        self.app = self._make_app()

    async def run(
        self,
        bind: str = "127.0.0.1:0",
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; `url` says where once it is started."""
        config = Config()
        config.bind = [bind]
        config.accesslog = config.errorlog = None
        async with trio.open_nursery() as nursery:
            (self.url,) = await nursery.start(_serve, self.app, config)
            task_status.started()

    # what a test or the page makes happen

    def of(self, external_id: object) -> list[Invoice]:
        """The invoices of one payment request, oldest first."""
        return [one for one in self.invoices.values() if one["external_id"] == str(external_id)]

    def pay(self, invoice_id: str, amount: int | None = None) -> dict[str, Any]:
        """Pay, whatever the invoice's state; the callback that Xendit would send."""
        invoice = self.invoices[invoice_id]
        invoice["status"] = "PAID"
        invoice["paid_amount"] = invoice["amount"] if amount is None else amount
        return self.callback(invoice_id)

    def expire(self, invoice_id: str) -> dict[str, Any]:
        """Its time is over; the callback that Xendit would send."""
        self.invoices[invoice_id]["status"] = "EXPIRED"
        return self.callback(invoice_id)

    def callback(self, invoice_id: str, **other: Any) -> dict[str, Any]:
        """The body of a callback about an invoice as it stands."""
        invoice = self.invoices[invoice_id]
        paid = {
            "paid_at": self._clock.now().isoformat(),
            "payment_method": "QR_CODE",
            "payment_channel": "QRIS",
        }
        return {
            "user_id": "5f-fake-user",
            "merchant_name": "Halo Bestie",
            **{name: value for name, value in invoice.items() if name != "invoice_url"},
            **(paid if invoice["status"] == "PAID" else {}),
            **other,
        }

    async def send(self, body: dict[str, Any]) -> str:
        """Post a callback; what became of it, in one line."""
        headers = {"x-callback-token": self._callback_token}
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=CALLBACK_TIMEOUT) as http:
                answer = await http.post(self._callback_url, json=body, headers=headers)
        except httpx.HTTPError as error:
            return f"gagal: {type(error).__name__}"
        return f"dijawab {answer.status_code}"

    # the API

    def _make_app(self) -> QuartTrio:
        app = QuartTrio("fake_xendit", static_folder=None)
        app.add_url_rule("/", "list", self._list_page)
        app.add_url_rule("/bayar/<invoice_id>", "page", self._page)
        app.add_url_rule("/bayar/<invoice_id>", "paid", self._pay_page, methods=["POST"])
        for rule, name, view, method in (
            ("/v2/invoices/", "create", self._create, "POST"),
            ("/v2/invoices", "find", self._find, "GET"),
            ("/v2/invoices/<invoice_id>", "get", self._get, "GET"),
            ("/invoices/<invoice_id>/expire!", "expire", self._expire, "POST"),
        ):
            app.add_url_rule(rule, name, self._guarded(view), methods=[method])
        return app

    def _guarded(self, view: Any) -> Any:
        async def call(**arguments: str) -> Response:
            self.calls.append(f"{request.method} {request.path}")
            if request.authorization is None or not request.authorization.username:
                return _error(401, "INVALID_API_KEY")
            if self.is_down:
                return _error(503, "SERVER_ERROR")
            fault = self.faults.popleft() if self.faults else None
            early = await _faulty(fault)
            if early is not None:
                return early
            answer: Response = await view(**arguments)
            if fault is Fault.SILENCE_AFTER:
                await trio.sleep_forever()
            return _page_of_a_proxy() if fault is Fault.HTML_AFTER else answer

        return call

    async def _create(self) -> Response:
        wanted = await request.get_json()
        if not isinstance(wanted.get("amount"), int) or not wanted.get("external_id"):
            return _error(400, "API_VALIDATION_ERROR")
        now = self._clock.now()
        invoice_id = new_id().hex
        invoice = {
            "id": invoice_id,
            "external_id": wanted["external_id"],
            "status": "PENDING",
            "amount": wanted["amount"],
            "currency": wanted.get("currency", "IDR"),
            "description": wanted.get("description", ""),
            "invoice_url": f"{self.url}/bayar/{invoice_id}",
            "created": now.isoformat(),
            "expiry_date": (
                now + timedelta(seconds=wanted.get("invoice_duration", DAY))
            ).isoformat(),
        }
        self.invoices[invoice_id] = invoice
        return ok(invoice)

    async def _find(self) -> Response:
        return ok(self.of(request.args.get("external_id", "")))

    async def _get(self, invoice_id: str) -> Response:
        self._run_down(invoice_id)
        invoice = self.invoices.get(invoice_id)
        return _error(404, "INVOICE_NOT_FOUND_ERROR") if invoice is None else ok(invoice)

    async def _expire(self, invoice_id: str) -> Response:
        invoice = self.invoices.get(invoice_id)
        if invoice is None:
            return _error(404, "INVOICE_NOT_FOUND_ERROR")
        if invoice["status"] != "PENDING":
            return _error(400, "INVALID_INVOICE_STATUS_ERROR")
        invoice["status"] = "EXPIRED"
        return ok(invoice)

    def _run_down(self, invoice_id: str) -> None:
        invoice = self.invoices.get(invoice_id)
        if (
            invoice is not None
            and invoice["status"] == "PENDING"
            and datetime.fromisoformat(invoice["expiry_date"]) <= self._clock.now()
        ):
            invoice["status"] = "EXPIRED"

    # the page

    async def _list_page(self) -> Response:
        rows = "".join(
            f'<li><a href="/bayar/{one["id"]}">{escape(one["description"])}</a>'
            f" · {_rupiah(one['amount'])} · {_state(one)}</li>"
            for one in reversed(self.invoices.values())
        )
        return _page("Tagihan", f"<ul>{rows}</ul>" if rows else "<p>Belum ada tagihan.</p>")

    async def _page(self, invoice_id: str) -> Response:
        self._run_down(invoice_id)
        invoice = self.invoices.get(invoice_id)
        if invoice is None:
            return _page("Tagihan tidak ditemukan", "", 404)
        body = (
            f'<p class="amount">{_rupiah(invoice["amount"])}</p>'
            f"<p>{escape(invoice['description'])}</p>"
        )
        if invoice["status"] == "PENDING":
            body += '<form method="post"><button>Bayar</button></form>'
        return _page(_state(invoice), body)

    async def _pay_page(self, invoice_id: str) -> Redirect | Response:
        self._run_down(invoice_id)
        if invoice_id not in self.invoices or self.invoices[invoice_id]["status"] != "PENDING":
            return _page("Tagihan ini tidak dapat dibayar", "", 409)
        body = self.pay(invoice_id)
        if self._callback_url:
            print(f"{body['external_id']} dibayar, callback {await self.send(body)}", flush=True)
        return redirect(f"/bayar/{invoice_id}", 303)


_STATES = {
    "PENDING": "Menunggu pembayaran",
    "PAID": "Sudah dibayar",
    "SETTLED": "Sudah dibayar",
    "EXPIRED": "Kedaluwarsa",
}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}"
    ".amount{font-size:2rem;font-weight:600}button{font:inherit;padding:.75rem 2rem;border:0;"
    "border-radius:.5rem;background:#0b6e4f;color:#fff;width:100%}"
)


async def _serve(
    app: QuartTrio, config: Config, *, task_status: trio.TaskStatus[list[str]]
) -> None:
    await serve(app, config, shutdown_trigger=trio.sleep_forever, task_status=task_status)


async def _faulty(fault: Fault | None) -> Response | None:
    match fault:
        case Fault.SILENCE:
            await trio.sleep_forever()
        case Fault.HTML:
            return _page_of_a_proxy()
        case Fault.SERVER_ERROR:
            return _error(500, "SERVER_ERROR")
        case Fault.RATE_LIMIT:
            return _error(429, "RATE_LIMIT_EXCEEDED", {"Rate-Limit-Reset": "0.05"})
        case Fault.LONG_RATE_LIMIT:
            return _error(429, "RATE_LIMIT_EXCEEDED", {"Rate-Limit-Reset": "60.0"})
        case Fault.REFUSAL:
            return _error(400, "MINIMAL_TRANSFER_AMOUNT_ERROR")
        case None | Fault.SILENCE_AFTER | Fault.HTML_AFTER:
            pass
    return None


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Response:
    answer = ok({"error_code": code, "message": "a fake's refusal"}, status)
    answer.headers.update(headers or {})
    return answer


def _page_of_a_proxy() -> Response:
    return TrioResponse(b"<html>Bad Gateway</html>", status=502, content_type="text/html")


def _page(title: str, body: str, status: int = 200) -> Response:
    html = (
        '<!doctype html><html lang="id"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{body}"
        "<p><small>Xendit tiruan untuk pengembangan. Tidak ada uang sungguhan.</small></p></html>"
    )
    return TrioResponse(html, status=status, content_type="text/html; charset=utf-8")


def _state(invoice: Invoice) -> str:
    return _STATES.get(str(invoice["status"]), "?")


def _rupiah(amount: int) -> str:
    return f"Rp{amount:,}".replace(",", ".")


def main(arguments: Sequence[str]) -> int:
    """Run it for people, and say how to start the server beside it."""
    parser = argparse.ArgumentParser(prog="run.py fake-xendit", description=__doc__.split("\n")[0])
    parser.add_argument("--bind", default="127.0.0.1:3999", metavar="HOST:PORT")
    parser.add_argument("--server", default="http://127.0.0.1:3000", help="the public listener")
    parser.add_argument("--token", default="fake-callback-token", help="XENDIT_CALLBACK_TOKEN")
    chosen = parser.parse_args(arguments)
    trio.run(_run, chosen.bind, chosen.server.rstrip("/") + CALLBACK_PATH, chosen.token)
    return 0


async def _run(bind: str, callback_url: str, token: str) -> None:
    fake = FakeXendit(callback_url=callback_url, callback_token=token)
    async with trio.open_nursery() as nursery:
        await nursery.start(fake.run, bind)
        print(
            f"fake xendit listening on {fake.url}\n"
            f"XENDIT_ENABLED=true XENDIT_BASE_URL={fake.url} XENDIT_CALLBACK_TOKEN={token} "
            "XENDIT_SECRET_KEY=xnd_development_fake python3 run.py",
            flush=True,
        )
