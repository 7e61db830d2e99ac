"""How a run looks: a live table on a terminal, a plain line now and then elsewhere.

Looks at the performance and at the node's actor tree once a second; changes nothing.
"""

from collections import Counter
from collections.abc import Iterator

import trio
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from .api import Away, Refused
from .meter import Latencies, milliseconds, percentile
from .operator import Operator
from .performance import Performance

LOOK_EVERY = 1.0  # seconds
LINE_EVERY = 5.0  # seconds, without a terminal


class View:
    """Draws one performance until cancelled."""

    def __init__(self, performance: Performance, operator: Operator, console: Console) -> None:
        self._performance = performance
        self._operator = operator
        self._console = console
        self._began_at = trio.current_time()
        self._sessions: Counter[str] | None = None  # None: the node does not answer

    async def run(self) -> None:
        if self._console.is_terminal:
            await self._draw()
        else:
            await self._print()

    async def _draw(self) -> None:
        with Live(self._table(), console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    await self._look()
                    live.update(self._table(), refresh=True)
                    await trio.sleep(LOOK_EVERY)
            finally:
                live.update(self._table(), refresh=True)  # the last picture is the true one

    async def _print(self) -> None:
        while True:
            await self._look()
            self._console.print(self._line())
            await trio.sleep(LINE_EVERY)

    async def _look(self) -> None:
        try:
            self._sessions = await self._operator.sessions_by_status()
        except (Away, Refused):
            self._sessions = None

    def _facts(self) -> Iterator[tuple[str, str]]:
        show, meter = self._performance, self._performance.meter
        connected = sum(app.connected for app in show.apps)
        yield "phase", show.phase
        yield "apps", f"{len(show.visitors.apps)} customers, {len(show.besties.apps)} mitras"
        yield "sockets", f"{connected} up, {show.reconnects} reconnects"
        yield "sessions", self._by_status()
        yield "messages", f"{meter.written} written, {meter.waiting} unanswered"
        yield "acknowledged", _shown(meter.acks)
        yield "at the peer", _shown(meter.arrivals)
        yield "frames", f"{meter.frames} received"
        if show.node_was_away is not None:
            yield "kill", f"the node was back after {show.node_was_away:.1f} s"

    def _by_status(self) -> str:
        if self._sessions is None:
            return "the node does not answer"
        counts = [f"{count} {status}" for status, count in sorted(self._sessions.items())]
        return ", ".join([*counts, f"{self._performance.visitors.parted} over"])

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, value in self._facts():
            table.add_row(f"[dim]{name}[/dim]", value)
        elapsed = trio.current_time() - self._began_at
        plan = self._performance.plan
        table.add_row("", ProgressBar(total=plan.seconds, completed=min(elapsed, plan.seconds)))
        return table

    def _line(self) -> str:
        show, meter = self._performance, self._performance.meter
        elapsed = trio.current_time() - self._began_at
        connected = sum(app.connected for app in show.apps)
        return (
            f"{elapsed:5.0f} s  {show.phase}: {connected} of {len(show.apps)} sockets up, "
            f"{self._by_status()}; {meter.written} written, {meter.waiting} unanswered; "
            f"acknowledged {_shown(meter.acks)}; at the peer {_shown(meter.arrivals)}; "
            f"{show.reconnects} reconnects"
        )


def _shown(latencies: Latencies) -> str:
    p50, p99 = (milliseconds(percentile(latencies.recent, share)) for share in (0.5, 0.99))
    return f"{len(latencies.all)}, p50 {p50}, p99 {p99}"
