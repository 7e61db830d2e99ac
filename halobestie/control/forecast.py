"""When would a restart disturb fewest people? Read off the deadlines that are armed.

A drain takes some seconds, and what falls due meanwhile happens late. So a minute is the
quieter the fewer deadlines fall into it, and then the fewer sessions run through it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from halobestie.house import House

MINUTES = 30  # how far it looks
SOON = timedelta(minutes=5)
SESSION_ENDS = "end"
EXTENSION = "extension"
# Deadlines by which somebody waits for something; ticks and clean-ups do not count.
FELT = frozenset({SESSION_ENDS, EXTENSION, "decision", "grace", "window"})


class Minute(msgspec.Struct, frozen=True):
    """One minute ahead."""

    starts_at: datetime
    sessions_ending: int
    deadlines: int
    """All that fall due within it, ends of sessions among them."""
    sessions_running: int
    """Those whose paid time goes on at its beginning."""


class Forecast(msgspec.Struct, frozen=True):
    """What a restart would meet."""

    at: datetime
    sessions_running: int
    sessions_ending_soon: int
    """Within the next five minutes."""
    extensions_open: int
    searches_open: int
    minutes: list[Minute]
    quietest: Minute


def look(house: House) -> Forecast:
    """From memory; it costs a pass over the sessions and searches of this node."""
    kinds = (house.sessions, house.pairings)
    dues = [
        (deadline.name, deadline.due_at)
        for kind in kinds
        for cell in kind.cells.values()
        for deadline in cell.deadlines.pending()
        if deadline.name in FELT
    ]
    return forecast(house.clock.now(), dues)


def forecast(at: datetime, dues: Iterable[tuple[str, datetime]]) -> Forecast:
    """From (name, time) of every deadline that is felt."""
    dues = list(dues)
    first = at.replace(second=0, microsecond=0)
    due_in = Counter((due - first) // timedelta(minutes=1) for _, due in dues)
    ends = [due for name, due in dues if name == SESSION_ENDS]
    ends_in = Counter((end - first) // timedelta(minutes=1) for end in ends)
    minutes = []
    for number in range(MINUTES):
        starts_at = first + timedelta(minutes=number)
        running = sum(end > starts_at for end in ends)
        minutes.append(Minute(starts_at, ends_in[number], due_in[number], running))
    names = Counter(name for name, _ in dues)
    return Forecast(
        at=at,
        sessions_running=len(ends),
        sessions_ending_soon=sum(end <= at + SOON for end in ends),
        extensions_open=names[EXTENSION],
        searches_open=names["window"],
        minutes=minutes,
        # The current minute is partly over: who restarts now is in the next one before long.
        quietest=min(minutes[1:], key=lambda one: (one.deadlines, one.sessions_running)),
    )
