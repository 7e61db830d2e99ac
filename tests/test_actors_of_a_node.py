"""The actor tree of a running node, as people see it in the terminal."""

import io
from typing import Any

from rich.console import Console

from halobestie.commands.actors import render


def actor(name: str, **facts: Any) -> dict[str, Any]:
    return {
        "path": f"/{name}",
        "name": name,
        "kind": name.split(":")[0],
        "state": "running",
        "mailbox": {"depth": 0, "capacity": 256, "high_water": 0},
        "processed": 0,
        "restarts": 0,
        "last_error": None,
        "started_at": "2024-08-17T00:00:00Z",
        "busy_with": None,
        "busy_seconds": 0.0,
        "deadlines": [],
        "info": {},
        "children": [],
        **facts,
    }


def printed(tree: dict[str, Any]) -> str:
    answer = {
        "node": "halo-1",
        "at": "2024-08-17T00:00:00Z",
        "actors": tree,
        "totals": {"actors": 3, "messages": 12, "dead_letters": 0, "restarts": 1},
    }
    output = io.StringIO()
    Console(file=output, width=200).print(render(answer))
    return output.getvalue()


def test_the_tree_shows_who_lives_where_and_what_comes_next() -> None:
    session = actor(
        "session:0190",
        processed=12,
        mailbox={"depth": 2, "capacity": 256, "high_water": 9},
        deadlines=[{"name": "end", "due_at": "2024-08-17T00:12:00Z", "in_seconds": 719.6}],
        info={"status": "active"},
    )
    text = printed(actor("node", children=[actor("sessions", children=[session])]))
    lines = text.splitlines()
    assert "3 actors, 12 messages" in lines[0]
    assert lines[1].startswith("node")
    assert lines[3].endswith(
        "session:0190  running  mail 2/256 (high 9)  12 handled  end in 720 s  status=active"
    )


def test_trouble_is_shown_and_markup_in_it_is_plain_text() -> None:
    ill = actor(
        "pairing:0190",
        state="quarantined",
        restarts=5,
        last_error="ValueError: [bold]no[/bold]",
        busy_with="Accept",
        busy_seconds=3.21,
    )
    text = printed(ill)
    assert "quarantined" in text
    assert "5 restarts" in text
    assert "busy with Accept for 3.2 s" in text
    assert "[bold]no[/bold]" in text
