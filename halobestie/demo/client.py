"""The two apps: a customer who buys and waits, a mitra who is offered and accepts."""

from typing import Any
from uuid import uuid4

import trio

from .account import Account
from .api import Api
from .app import App, NewsListener
from .conversation import Conversation
from .history import Role
from .link import Frame

__all__ = ["App", "CustomerApp", "MitraApp"]


class CustomerApp(App):
    """Buys time, waits for a bestie, talks."""

    role: Role = "customer"
    socket_path = "/api/client/ws"

    def __init__(self, account: Account, on_news: NewsListener | None = None) -> None:
        self.pairing: Frame | None = None  # the last PAIRING, or its failure
        self.confirmed_payments: set[str] = set()
        super().__init__(account, on_news)

    @classmethod
    async def sign_up(
        cls, api: Api, display_name: str, on_news: NewsListener | None = None
    ) -> "CustomerApp":
        """A new anonymous customer."""
        body = {"display_name": display_name}
        return cls(
            Account(api, await api.call("POST", "/api/shared/auth/anonymous", body)), on_news
        )

    async def buy(self, tier_id: str | None = None) -> Frame:
        """Order (the first tier shown, unless one is named) and confirm. The PAYMENT."""
        if tier_id is None:
            pricing = await self.account.call("GET", "/api/client/pricing")
            tier_id = pricing["tiers"][0]["id"]
        payment = await self.order(tier_id)
        return await self.confirm(payment["id"])

    async def order(self, tier_id: str, **more: Any) -> Frame:
        """A payment request, pending. Repeats of the call after a lost answer are one order."""
        payment: Frame = await self.account.call(
            "POST",
            "/api/client/payment-requests",
            {"tier_id": tier_id, **more},
            headers={"Idempotency-Key": str(uuid4())},
        )
        return payment

    async def confirm(self, payment_id: str) -> Frame:
        """Confirmed, and with that the search begins."""
        payment: Frame = await self.account.call(
            "POST", f"/api/client/payment-requests/{payment_id}/confirm"
        )
        self.confirmed_payments.add(payment_id)
        return payment

    async def search_again(self, payment_id: str) -> Frame:
        """Start the search once more, after a failure that may be retried."""
        self.pairing = None
        pairing: Frame = await self.account.call(
            "POST", "/api/client/chat-requests", {"payment_request_id": payment_id}
        )
        return pairing

    async def cancel_search(self, payment_id: str) -> None:
        """Give the search up, and the payment to the operators. Refused if it is over."""
        await self.account.call(
            "POST", "/api/client/chat-requests/cancel", {"payment_request_id": payment_id}
        )

    async def rate(self, session_id: str, stars: int) -> None:
        await self.account.call(
            "POST", f"/api/client/chat-sessions/{session_id}/rating", {"stars": stars}
        )

    def session_of(self, payment_id: str) -> Conversation | None:
        """The session that a payment bought, once there is one."""
        for conversation in self.conversations.values():
            if conversation.session.get("payment_request_id") == payment_id:
                return conversation
        return None

    def _handle(self, frame: Frame) -> None:
        match frame["type"]:
            case "hello":
                self.pairing = frame["pairing"]
            case "paired":
                self._learn(frame["session"])
            case "pairing_failed":
                self.pairing = {**frame, "status": "failed"}
            case _:
                pass
        super()._handle(frame)


class MitraApp(App):
    """Is online, hears who looks for somebody, accepts, talks."""

    role: Role = "mitra"
    socket_path = "/api/mitra/ws"

    def __init__(self, account: Account, on_news: NewsListener | None = None) -> None:
        self.offers: dict[str, Frame] = {}  # open ones, by pairing_id
        self.is_online = False
        super().__init__(account, on_news)

    @classmethod
    async def request_code(cls, api: Api, phone: str) -> None:
        """Have a code sent to the phone."""
        await api.call("POST", "/api/mitra/auth/otp/request", {"phone": phone})

    @classmethod
    async def sign_in(
        cls, api: Api, phone: str, code: str, on_news: NewsListener | None = None
    ) -> "MitraApp":
        """With the code that came to the phone."""
        body = {"phone": phone, "code": code}
        return cls(
            Account(api, await api.call("POST", "/api/mitra/auth/otp/verify", body)), on_news
        )

    async def go_online(self) -> Frame:
        return await self._set_online(True)

    async def go_offline(self) -> Frame:
        return await self._set_online(False)

    async def _set_online(self, online: bool) -> Frame:
        status: Frame = await self.account.call("POST", "/api/mitra/status", {"online": online})
        self.is_online = status["is_online"]
        return status

    async def accept(self, pairing_id: str) -> Frame:
        """The SESSION; Refused with `already_taken`, `request_closed`, `at_capacity`."""
        answer = await self.account.call("POST", f"/api/mitra/chat-requests/{pairing_id}/accept")
        return self._learn(answer["session"]).session

    async def decline(self, pairing_id: str) -> None:
        await self.account.call("POST", f"/api/mitra/chat-requests/{pairing_id}/decline")

    async def next_offer(self, already: set[str]) -> Frame:
        """The oldest open offer that is not among `already`."""
        await self.until(lambda: not self.offers.keys() <= already)
        return next(offer for key, offer in self.offers.items() if key not in already)

    def _handle(self, frame: Frame) -> None:
        match frame["type"]:
            case "hello":
                self.offers = {offer["pairing_id"]: offer for offer in frame["chat_requests"]}
            case "chat_request":
                self.offers[frame["pairing_id"]] = frame
            case "chat_request_closed":
                self.offers.pop(frame["pairing_id"], None)
            case "session_started":
                self._learn(frame["session"])
            case "presence":
                self.is_online = frame["is_online"]
            case _:
                pass
        super()._handle(frame)

    async def _keep_alive(self) -> None:
        """Heartbeats at the cadence that `hello` names."""
        assert self.hello is not None  # run() waits for it
        while True:
            self.post({"type": "heartbeat"})
            await trio.sleep(self.hello["heartbeat_cadence_seconds"])
