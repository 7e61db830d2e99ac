"""The SIGTERM drain: from the top down, each step within its share of the bound.

Readiness off, while connections are still accepted, so that balancers look away; then no
new connections; requests in flight finish; sockets are told and closed with 1012, in
batches, so that not everyone comes back at once; actors finish their mail, the journal
last; the internal listener closes at the end, so that ops can watch.
"""

from random import Random

import msgspec
import structlog
import trio

from actors import MailboxFull
from halobestie.edge import Listener
from halobestie.house import House
from halobestie.roster import CloseSocket, Push

BATCH = 100  # sockets told at a time
RESTARTING = 1012
RECONNECT_MS = 500, 5_000  # what apps are asked to wait: least, most

# Shares of the whole bound; what is left over is for closing pools and servers.
LOOK_AWAY, CONNECTIONS, ACTORS, INTERNAL = 0.125, 0.375, 0.25, 0.05
LONGEST_LOOK_AWAY = 1.0  # seconds

log = structlog.get_logger("halobestie.node")


class Draining(msgspec.Struct, frozen=True, tag="server_draining", tag_field="type"):
    """The server goes; come back after this many milliseconds."""

    reconnect_in_ms: int


async def drain(house: House, public: Listener, internal: Listener, bound: float) -> None:
    """Close the node's doors and finish its work, within about nine tenths of `bound` seconds."""
    log.info("draining", sockets=len(house.roster.everyone()))
    house.health.phase = "draining"
    await trio.sleep(min(LONGEST_LOOK_AWAY, bound * LOOK_AWAY))
    public.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send_home, house, bound * CONNECTIONS / 2)
        cut = await public.finish(bound * CONNECTIONS)
        nursery.cancel_scope.cancel()
    cut_off = await house.system.drain(bound * ACTORS)
    if cut or cut_off:
        log.warning("cut off", connections=cut, actors=cut_off[:20], more=len(cut_off[20:]))
    internal.close()
    await internal.finish(bound * INTERNAL)


async def _send_home(house: House, seconds: float) -> None:
    """Tell every socket and close it, spread over at most `seconds`."""
    random = Random()
    entries = house.roster.everyone()
    random.shuffle(entries)
    pause = seconds / max(1, len(entries) / BATCH)
    for start in range(0, len(entries), BATCH):
        for entry in entries[start : start + BATCH]:
            frame = Draining(random.randint(*RECONNECT_MS))
            try:
                entry.ref.tell(Push(msgspec.json.encode(frame)))
                entry.ref.tell(CloseSocket(RESTARTING, "restarting"))
            except MailboxFull:
                entry.ref.stop()
        await trio.sleep(min(pause, 0.1))
