"""`run.py actors`: the live actor tree of a running node, as a tree in the terminal.

A client like any other: it signs in as the control center's admin and asks the internal
listener.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from getpass import getpass
from typing import Any

import httpx
import trio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from halobestie.secrets import with_generated_secrets
from halobestie.settings import read_settings

ANSWER_WITHIN = 5.0  # seconds

_COLOURS = {
    "starting": "yellow",
    "running": "green",
    "restarting": "yellow",
    "away": "magenta",
    "quarantined": "bold red",
    "stopping": "yellow",
}


class _NoTree(Exception):
    """One line: why there is nothing to show."""


def main(arguments: Sequence[str]) -> int:
    """0 when a tree was printed."""
    parser = argparse.ArgumentParser(
        prog="run.py actors", description="Print the live actor tree of the running server."
    )
    parser.add_argument("--url", help="the internal listener (default: that of INTERNAL_BIND)")
    parser.add_argument("--path", help="only the subtree at this path, e.g. /sessions")
    parser.add_argument("--depth", type=int, help="only so many levels")
    parser.add_argument("--watch", type=float, metavar="SECONDS", help="again and again")
    parser.add_argument("--email", help="whom to sign in as (default: CC_ADMIN_EMAIL)")
    options = parser.parse_args(arguments)
    settings = with_generated_secrets(read_settings(os.environ))
    email = options.email or settings.cc_admin_email
    if settings.cc_admin_password is not None and email == settings.cc_admin_email:
        password = settings.cc_admin_password.reveal()
    else:
        password = getpass(f"Password of {email}: ")
    url = options.url or f"http://{settings.internal_bind}"
    wanted = {"path": options.path, "depth": options.depth}
    query = {name: value for name, value in wanted.items() if value is not None}
    try:
        trio.run(_show, url, email, password, query, options.watch)
    except _NoTree as error:
        print(f"actors: {error}", file=sys.stderr)
        return 1
    except httpx.HTTPError as error:
        print(f"actors: no server answers at {url}: {type(error).__name__}", file=sys.stderr)
        return 1
    return 0


async def _show(
    url: str, email: str, password: str, query: dict[str, Any], interval: float | None
) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN, trust_env=False) as client:
        signed_in = _answer(
            await client.post("/internal/auth/login", json={"email": email, "password": password})
        )
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

        async def ask() -> Group:
            return render(_answer(await client.get("/internal/debug/actors", params=query)))

        if interval is None:
            Console().print(await ask())
            return
        with Live(await ask(), auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                await trio.sleep(interval)
                live.update(await ask(), refresh=True)


def _answer(response: httpx.Response) -> Any:
    if response.status_code != 200:
        try:
            code = response.json()["code"]
        except (ValueError, KeyError, TypeError):
            code = "no problem document"
        raise _NoTree(f"{response.request.url.path} answered {response.status_code} {code}")
    return response.json()


def render(answer: dict[str, Any]) -> Group:
    """The whole answer of /internal/debug/actors, as text with colours."""
    totals = ", ".join(f"{count} {name}" for name, count in answer["totals"].items())
    head = Text(f"{answer['node']} at {answer['at']}: {totals}", style="bold")
    return Group(head, _branch(answer["actors"]))


def _branch(actor: dict[str, Any]) -> Tree:
    tree = Tree(_line(actor))
    for child in actor["children"]:
        tree.add(_branch(child))
    return tree


def _line(actor: dict[str, Any]) -> Text:
    line = Text(actor["name"], style=_COLOURS.get(actor["state"], ""))
    line.append("".join(f"  {fact}" for fact in _facts(actor)), style="dim")
    if actor["last_error"]:
        line.append(f"  {actor['last_error']}", style="red")
    return line


def _facts(actor: dict[str, Any]) -> Iterator[str]:
    yield actor["state"]
    mailbox = actor["mailbox"]
    if mailbox is not None and mailbox["high_water"]:
        yield f"mail {mailbox['depth']}/{mailbox['capacity']} (high {mailbox['high_water']})"
    if actor["processed"]:
        yield f"{actor['processed']} handled"
    if actor["restarts"]:
        yield f"{actor['restarts']} restarts"
    if actor["busy_with"]:
        yield f"busy with {actor['busy_with']} for {actor['busy_seconds']:.1f} s"
    for deadline in actor["deadlines"]:
        yield f"{deadline['name']} in {deadline['in_seconds']:.0f} s"
    for name, value in actor["info"].items():
        yield f"{name}={value}"
