"""Past sessions, and what customers thought of them."""

import pytest

from tests.apps import Refused
from tests.chat.couple import Couple, meet


async def test_both_find_their_sessions_newest_first(couple: Couple) -> None:
    await couple.sari.ends()
    await couple.sari.parts("terima kasih")
    await couple.ayu.parts()
    await couple.sari.wait_for("session_completed")
    second = await meet(couple.node, couple.sari, couple.ayu)

    page = await couple.sari.calls("GET", "/api/client/chat-sessions")

    assert [row["id"] for row in page["rows"]] == [second.id, couple.id]
    assert page["next_cursor"] is None
    old = page["rows"][1]
    assert old["status"] == "completed"
    assert old["mitra"] == {"id": couple.ayu.id, "display_name": "Ayu", "is_online": True}
    assert old["sessions_count"] == 1
    assert old["duration_minutes"] == 12
    assert old["ended_at"] >= old["started_at"]
    assert old["closing_messages"] == [{"sender_type": "customer", "content": "terima kasih"}]
    assert old["rating"] is None
    assert page["rows"][0]["ended_at"] is None
    theirs = await couple.ayu.calls("GET", "/api/mitra/chat-sessions")
    assert [row["customer"]["display_name"] for row in theirs["rows"]] == ["Sari", "Sari"]
    assert "mitra" not in theirs["rows"][0]


async def test_pages_follow_one_another(couple: Couple) -> None:
    ids = [couple.id]
    await couple.over()
    for _ in range(2):
        another = await meet(couple.node, couple.sari, couple.ayu)
        ids.append(another.id)
        await another.over()
    seen: list[str] = []
    cursor = ""
    while True:
        page = await couple.sari.calls("GET", f"/api/client/chat-sessions?limit=2{cursor}")
        seen += [row["id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


async def test_mitras_see_names_where_the_knob_lets_them(couple: Couple) -> None:
    await couple.node.turns(mitra_sees_customer_name=False)
    [row] = (await couple.ayu.calls("GET", "/api/mitra/chat-sessions"))["rows"]
    assert row["customer"]["display_name"] == "Sahabat"
    assert (await couple.looks(couple.ayu))["customer"]["display_name"] == "Sahabat"
    assert (await couple.looks())["customer"]["display_name"] == "Sari"


async def test_a_session_is_rated_once_and_after_it_is_over(couple: Couple) -> None:
    path = f"/api/client/chat-sessions/{couple.id}/rating"
    with pytest.raises(Refused, match="409 session_not_completed"):
        await couple.sari.calls("POST", path, {"stars": 5})
    await couple.over()
    for wrong in ({"stars": 0}, {"stars": 6}, {"stars": "5"}, {}):
        with pytest.raises(Refused, match="422"):
            await couple.sari.calls("POST", path, wrong)
    rated = await couple.sari.calls("POST", path, {"stars": 4, "comment": "membantu"})
    assert rated["rating"] == {"stars": 4, "comment": "membantu"}
    with pytest.raises(Refused, match="409 already_rated"):
        await couple.sari.calls("POST", path, {"stars": 1})
    [row] = (await couple.sari.calls("GET", "/api/client/chat-sessions"))["rows"]
    assert row["rating"] == {"stars": 4, "comment": "membantu"}
    tono = await couple.node.customer("Tono")
    with pytest.raises(Refused, match="404 not_found"):
        await tono.calls("POST", path, {"stars": 1})
