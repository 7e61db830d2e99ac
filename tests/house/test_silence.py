"""What people say, and what opens doors, stays out of the log, the tree and the metrics."""

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.ids import new_id
from tests.conftest import ErrorLog
from tests.nodes import running_node

PHONE = "+6281234567890"
SAID, LAST_WORDS = "Aku takut sekali malam ini", "Terima kasih sudah mendengar"
DEVICE = "device-token-that-nobody-may-read"


async def test_a_whole_evening_leaves_nothing_private_behind(
    database_url: str,
    valkey_server: EmbeddedValkey,
    capsys: pytest.CaptureFixture[str],
    expected_errors: ErrorLog,
) -> None:
    expected_errors.expect("crashed")  # of the session that is crashed below
    async with running_node(database_url, valkey_server.url) as node:
        sari, ayu = await node.customer("Sari Rahasia"), await node.mitra("Ayu")
        await sari.calls("POST", "/api/client/auth/otp/request", {"phone": PHONE})
        told = await node.internal.call("GET", f"/internal/_test/otp-code?phone=%2B{PHONE[1:]}")
        code = told["code"]
        device = {"fcm_token": DEVICE, "platform": "android"}
        await sari.calls("PUT", "/api/shared/devices", device)
        await sari.pays_and_searches()
        await ayu.accepts(await ayu.is_asked())
        await sari.gets_paired()
        await sari.says(SAID)
        await ayu.hears(SAID)
        session_id = sari.talk.session["id"]
        assert node.crashes(f"sessions/session:{session_id}")
        await sari.says(f"{SAID}, lagi")
        await ayu.hears(f"{SAID}, lagi")
        bad = {"client_message_id": str(new_id()), "content": [SAID]}
        with pytest.raises(Exception, match="422"):
            await sari.calls("POST", f"/api/shared/chat-sessions/{session_id}/messages", bad)
        tree = str(await node.operator.calls("GET", "/internal/debug/actors"))
        await sari.ends()
        await sari.parts(LAST_WORDS)
        tokens = [person.app.account._access for person in (sari, ayu)]
    log = capsys.readouterr().out

    assert "request" in log  # there is a log to look into
    assert log.count(PHONE) == 1  # the stub's own line
    assert log.count(code) == 1
    for secret in (SAID, LAST_WORDS, DEVICE, "Sari Rahasia", *tokens):
        assert secret not in log
        assert secret not in tree
    assert PHONE not in tree
