"""A customer and a mitra in a session, for tests, with verbs that read like a story."""

from typing import Any
from uuid import UUID

import msgspec

from tests.apps import Customer, Mitra
from tests.nodes import TestNode

Frame = dict[str, Any]


class Couple:
    """Sari and Ayu, talking."""

    def __init__(self, node: TestNode, sari: Customer, ayu: Mitra, session: Frame) -> None:
        self.node = node
        self.sari = sari
        self.ayu = ayu
        self.id: str = session["id"]

    @property
    def path(self) -> str:
        """Where the session's actor stands in the tree."""
        return f"sessions/session:{self.id}"

    @property
    def key(self) -> UUID:
        return UUID(self.id)

    @staticmethod
    def node_id(person: Customer | Mitra) -> UUID:
        """Who somebody is, inside the house."""
        return UUID(person.id)

    async def looks(self, person: Customer | Mitra | None = None) -> Frame:
        """The SESSION as somebody sees it, by default Sari."""
        answer = await (person or self.sari).calls("GET", f"/api/shared/chat-sessions/{self.id}")
        return dict(answer["session"])

    async def time_left(self, seconds: int) -> None:
        """Let the paid time that remains be this."""
        await self.node.forces("force-session-time", session_id=self.id, remaining_seconds=seconds)

    def hurries(self, **knobs: object) -> None:
        """Windows that are shorter than operators may set them, until knobs are read again."""
        board = self.node.house.knobs
        board.current = msgspec.structs.replace(board.current, **knobs)

    async def time_is_up(self) -> Frame:
        """Let the paid time end now, and both hear of it; the customer's frame."""
        await self.time_left(0)
        await self.ayu.wait_for("session_expired", session_id=self.id)
        return await self.sari.wait_for("session_expired", session_id=self.id)

    async def buys_more(self, tier_id: str = "test_1") -> str:
        """A confirmed extension payment of this session: its id."""
        body = {"tier_id": tier_id, "is_extension": True, "session_id": self.id}
        payment = await self.sari.calls("POST", "/api/client/payment-requests", body)
        await self.sari.calls("POST", f"/api/client/payment-requests/{payment['id']}/confirm")
        return str(payment["id"])

    async def asks_for_more(self, payment_id: str | None = None) -> Frame:
        """The EXTENSION, pending."""
        paid = payment_id or await self.buys_more()
        answer = await self.sari.calls(
            "POST",
            f"/api/client/chat-sessions/{self.id}/extensions",
            {"extension_payment_request_id": paid},
        )
        return {**answer, "payment_id": paid}

    async def mitra_answers(self, extension: Frame, verb: str) -> Frame:
        """`accept` or `reject`."""
        path = f"/api/mitra/chat-sessions/{self.id}/extensions/{extension['id']}/{verb}"
        return dict(await self.ayu.calls("POST", path))

    async def payment(self, payment_id: str) -> Frame:
        return dict(await self.sari.calls("GET", f"/api/client/payment-requests/{payment_id}"))

    async def causes(self, payment_id: str) -> list[str]:
        """Why the operators have this payment, if they do."""
        answer = await self.node.operator.calls("GET", "/internal/failed-pairings")
        return [r["cause_tag"] for r in answer["rows"] if r["payment_request_id"] == payment_id]

    async def events(self) -> list[str]:
        """The session's timeline."""
        story = await self.node.operator.calls("GET", f"/internal/sessions/{self.id}")
        return [event["event"] for event in story["timeline"]]

    async def over(self) -> None:
        """End it: both skip their last word."""
        await self.sari.ends()
        await self.sari.parts()
        await self.ayu.parts()
        await self.ayu.wait_for("session_completed", session_id=self.id)
        await self.sari.wait_for("session_completed", session_id=self.id)


async def meet(node: TestNode, sari: Customer, ayu: Mitra, tier_id: str = "chat_12") -> Couple:
    """A session of these two."""
    await sari.pays(tier_id)
    offer = await ayu.is_asked()
    await ayu.accepts(offer)
    talk = await sari.gets_paired()
    await ayu.wait_for("session_started")
    return Couple(node, sari, ayu, talk.session)


async def new_couple(node: TestNode, tier_id: str = "chat_12") -> Couple:
    """A new customer and a new mitra in a session."""
    ayu = await node.mitra("Ayu")
    sari = await node.customer("Sari")
    return await meet(node, sari, ayu, tier_id)
