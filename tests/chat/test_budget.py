"""How fast an app may talk without a socket."""

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.demo.api import Refused
from halobestie.ids import new_id
from tests.chat.couple import new_couple
from tests.nodes import running_node


async def test_messages_over_http_have_the_budget_of_a_socket(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with running_node(database_url, valkey_server.url, SOCKET_FRAMES_PER_SECOND="1") as node:
        couple = await new_couple(node)
        path = f"/api/shared/chat-sessions/{couple.id}/messages"

        def message() -> dict[str, str]:
            return {"client_message_id": str(new_id()), "content": "halo"}

        sari = node.caller(couple.node_id(couple.sari), "customer")
        for _ in range(2):
            await sari.calls("POST", path, message())
        with pytest.raises(Refused) as refused:
            await sari.calls("POST", path, message())

        assert (refused.value.status, refused.value.code) == (429, "rate_limited")
