"""`run.py demo`: a run over real HTTP and sockets, and the check at its end.

Exit code 0: every promise was kept. 1: something was lost, or somebody was left
hanging; what exactly is printed, and a node of our own leaves its DATA_DIR behind. 2:
the run could not take place.
"""

import argparse
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import trio
from rich.console import Console

from actors import Clock
from halobestie.secrets import with_generated_secrets
from halobestie.settings import Bind, Settings, read_settings

from .api import Api, Refused
from .checker import violations
from .codes import Codes, CodesByRoute, CodesInFile, NoCodes
from .evidence import Violation
from .meter import milliseconds, percentile
from .operator import MOST_SESSIONS, Operator
from .own_node import NodeFailed, OwnNode, own_node
from .performance import Performance, Plan
from .rows import database_url, read_stored
from .view import View

SHOWN = 20  # violations in words; all are counted


class CannotRun(Exception):
    """One line: why there is no run."""


class Theatre(msgspec.Struct):
    """Where the run takes place, and with whose keys."""

    public_url: str
    internal_url: str
    email: str
    password: str
    database_url: str
    codes: Codes | None  # None: the node is asked
    node: OwnNode | None = None  # None: somebody else's
    all_went_well: bool = False


def main(argv: Sequence[str]) -> int:
    """The exit code, as the module says."""
    options = _parser().parse_args(argv)
    try:
        return trio.run(_run, options)
    except* (CannotRun, NoCodes, NodeFailed) as group:
        for error in _leaves(group):
            print(f"demo: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py demo",
        description="Customers pay, are paired with mitras and chat; then every acknowledged "
        "message is looked for in PostgreSQL and with the peer. Starts a node if none runs.",
    )
    parser.add_argument("--customers", type=_at_least_one, default=20)
    parser.add_argument("--mitras", type=_at_least_one, default=8)
    parser.add_argument(
        "--tier", help="what they buy, e.g. test_1, one minute (default: the first they are shown)"
    )
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second, altogether")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they talk")
    parser.add_argument(
        "--kill", action="store_true", help="SIGKILL the node half-way, and start it again"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random choices")
    parser.add_argument("--base-url", help="the public listener (default: that of PUBLIC_BIND)")
    parser.add_argument("--internal-url", help="the internal one (default: that of INTERNAL_BIND)")
    parser.add_argument(
        "--data-dir", type=Path, help="of the node: to start one there, or to check a running one"
    )
    parser.add_argument(
        "--node-log", type=Path, help="where a running node's output goes, if it has no test routes"
    )
    parser.add_argument("--email", help="of an admin (default: CC_ADMIN_EMAIL)")
    parser.add_argument(
        "--password", help="of the admin (default: CC_ADMIN_PASSWORD, or as kept in DATA_DIR)"
    )
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


async def _run(options: argparse.Namespace) -> int:
    if options.customers > (MOST_SESSIONS - 1) * options.mitras:
        raise CannotRun(f"{options.mitras} mitras have no room for {options.customers} customers")
    console = Console(soft_wrap=True, highlight=False)
    rng = Random(options.seed)
    plan = Plan(
        customers=options.customers,
        mitras=options.mitras,
        rate=options.rate,
        seconds=options.seconds,
        tier=options.tier,
        kill=options.kill,
        seed=options.seed,
    )
    async with _theatre(options, rng, console) as theatre:
        async with Api(theatre.public_url, rng) as public, Api(theatre.internal_url, rng) as inner:
            operator = Operator(inner, theatre.email, theatre.password)
            performance = Performance(plan, public, operator, theatre.codes or CodesByRoute(inner))
            await _sign_in(operator)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(View(performance, operator, console).run)
                await performance.perform(theatre.node)
                nursery.cancel_scope.cancel()
        found = await _check(performance, theatre)
        if theatre.node is not None and (code := await theatre.node.stop()) != 0:
            found.append(Violation("stopped_badly", "the node", f"SIGTERM ended it with {code}"))
        _report(performance, found, console)
        theatre.all_went_well = not found
    return 1 if found else 0


async def _sign_in(operator: Operator) -> None:
    try:
        await operator.sign_in()
    except Refused as refused:
        raise CannotRun(f"the admin's login was refused: {refused.code}") from refused


@asynccontextmanager
async def _theatre(
    options: argparse.Namespace, rng: Random, console: Console
) -> AsyncIterator[Theatre]:
    """The node that runs at the URL, else one of our own, gone at the end of the block."""
    environ = dict(os.environ)
    if options.data_dir is not None:
        environ["DATA_DIR"] = str(options.data_dir)
    settings = read_settings(environ)
    email = options.email or settings.cc_admin_email
    public_url = options.base_url or _url(settings.public_bind)
    async with Api(public_url, rng) as api:
        runs = await api.answers()
    if runs:
        if options.kill:
            raise CannotRun(f"--kill is for a node of its own, and one runs at {public_url}")
        console.print(f"the node at {public_url} runs already: using it")
        yield Theatre(
            public_url,
            options.internal_url or _url(settings.internal_bind),
            email,
            options.password or _password_of(settings),
            database_url(environ, settings.data_dir),
            None if options.node_log is None else CodesInFile(options.node_log),
        )
        return
    password = options.password or secrets.token_urlsafe(12)
    environ |= {"CC_ADMIN_EMAIL": email, "CC_ADMIN_PASSWORD": password}
    data_dir = options.data_dir or Path(tempfile.mkdtemp(prefix="halobestie-demo-"))
    await trio.Path(data_dir).mkdir(parents=True, exist_ok=True)
    url = database_url(environ, data_dir)
    async with own_node(data_dir, environ) as node:
        console.print(f"a node of our own runs at {node.public_url}, data in {data_dir}")
        theatre = Theatre(
            node.public_url, node.internal_url, email, password, url, node.codes, node
        )
        yield theatre
    if options.data_dir is None and theatre.all_went_well:
        await trio.to_thread.run_sync(shutil.rmtree, data_dir)
    else:
        console.print(f"its data and its log stay in {data_dir}")


def _url(bind: Bind) -> str:
    """How a listener bound so is reached from here."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind.host, bind.host)
    return f"http://{Bind(host, bind.port)}"


def _password_of(settings: Settings) -> str:
    """As set, or as the running node generated it into its DATA_DIR."""
    password = with_generated_secrets(settings).cc_admin_password
    if password is None:
        raise CannotRun("give the admin's --password")
    return password.reveal()


async def _check(performance: Performance, theatre: Theatre) -> list[Violation]:
    customers = [app.user_id for app in performance.visitors.apps]
    stored = await read_stored(theatre.database_url, customers, Clock().now())
    return [*performance.left_hanging(), *violations(performance.told(), stored)]


def _report(performance: Performance, found: list[Violation], console: Console) -> None:
    meter = performance.meter
    for name, latencies in (("acknowledged", meter.acks), ("at the peer", meter.arrivals)):
        p50, p99 = (milliseconds(percentile(latencies.all, share)) for share in (0.5, 0.99))
        worst = milliseconds(max(latencies.all, default=None))
        console.print(f"{name}: {len(latencies.all)} messages, p50 {p50}, p99 {p99}, max {worst}")
    console.print(
        f"{performance.visitors.parted} sessions, {performance.reconnects} reconnects, "
        f"{meter.written} messages written"
    )
    for violation in found[:SHOWN]:
        console.print(f"  {violation}", style="red")
    if found:
        console.print(f"[red]{len(found)} promises were broken[/red]")
    else:
        console.print(
            "[green]every acknowledged message stands once, in order, on both sides[/green]"
        )


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
