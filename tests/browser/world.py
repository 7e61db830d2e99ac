"""People who use the server while an operator looks on, through the API alone."""

from typing import Any

import httpx

from tests.browser.node import ADMIN, Node

Json = dict[str, Any]


class World:
    """Makes real data: mitras, customers, searches, sessions, failures."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.public = httpx.Client(base_url=node.public, timeout=20, trust_env=False)
        self.internal = httpx.Client(base_url=node.internal, timeout=20, trust_env=False)
        answer = self.operator("POST", "/internal/auth/login", email=ADMIN[0], password=ADMIN[1])
        self.internal.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self.mitras: dict[str, Json] = {
            row["display_name"]: row for row in self.operator("GET", "/internal/mitras")["rows"]
        }

    def close(self) -> None:
        self.public.close()
        self.internal.close()

    def operator(self, method: str, path: str, **body: Any) -> Any:
        """What an operator's call answers."""
        return _call(self.internal, method, path, body)

    def test_route(self, name: str, **body: Any) -> Any:
        return self.operator("POST", f"/internal/_test/{name}", **body)

    def online(self, name: str) -> str:
        """A mitra comes; the id."""
        mitra_id: str = self.mitras[name]["id"]
        self.test_route("force-mitra-online", mitra_id=mitra_id)
        return mitra_id

    def offline(self, name: str) -> None:
        self.test_route("force-mitra-offline", mitra_id=self.mitras[name]["id"])

    def customer(self, name: str) -> "Customer":
        return Customer(self, name)


class Customer:
    """Somebody with the app, over HTTP."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        answer = _call(world.public, "POST", "/api/shared/auth/anonymous", {"display_name": name})
        self.id: str = answer["user"]["id"]
        self._headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def call(self, method: str, path: str, **body: Any) -> Any:
        return _call(self._world.public, method, path, body, self._headers)

    def pays(self, tier: str = "chat_30", **more: Any) -> Json:
        """A confirmed payment; its search has begun."""
        made = self.call("POST", "/api/client/payment-requests", tier_id=tier, **more)
        paid: Json = self.call("POST", f"/api/client/payment-requests/{made['id']}/confirm")
        return paid

    def talks_with(self, mitra: str, tier: str = "chat_30") -> Json:
        """A session with a mitra who is online."""
        self.pays(tier)
        session: Json = self._world.test_route(
            "accept-latest-pending", mitra_id=self._world.mitras[mitra]["id"]
        )
        return session

    def gives_up(self, payment_id: str) -> None:
        self.call("POST", "/api/client/chat-requests/cancel", payment_request_id=payment_id)


def _call(
    client: httpx.Client, method: str, path: str, body: Json, headers: dict[str, str] | None = None
) -> Any:
    answer = client.request(method, path, json=body or None, headers=headers)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None
