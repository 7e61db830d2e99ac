"""A real node in a process of its own, and a town of people who talk in it.

    async with town(tmp_path, sessions=20) as town:
        async with town.talking():
            await town.node.kill()
            await town.node.start()
        await town.kept_every_promise()

Apps are the demo's: they reconnect, resume and send again by themselves, and remember all
they were told. What they remember is held against the rows by the demo's checker.
"""

import math
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import TracebackType

import trio

from actors import Clock
from halobestie.demo.checker import violations
from halobestie.demo.evidence import Told
from halobestie.demo.own_node import OwnNode, own_node
from halobestie.demo.rows import database_url, read_stored
from tests.apps import Customer, Guests, Mitra, Person, Refused, guests

PASSWORD = "a long enough password"
EACH = 4  # sessions of a mitra: with receipts, well below the frames an app may send
TALK_EVERY = 0.15, 0.35  # seconds between two messages of one person
CALM_WITHIN = 60.0  # seconds for all to be answered and seen after a fault


class Town:
    def __init__(self, node: OwnNode, people: Guests) -> None:
        self.node = node
        self.customers: list[Customer] = []
        self.mitras: list[Mitra] = []
        self._guests = people
        self._rng = Random(7)

    async def settles(self, sessions: int) -> None:
        """So many customers, each in a session with some mitra."""
        for number in range(math.ceil(sessions / EACH)):
            self.mitras.append(await self._guests.mitra(f"Bestie {number}", capacity=EACH))
        async with trio.open_nursery() as nursery:
            for mitra in self.mitras:
                nursery.start_soon(self._accepts_all, mitra)
            for number in range(sessions):
                self.customers.append(await self._guests.customer(f"Tamu {number}"))
                await self.customers[-1].pays("chat_60")
            for customer in self.customers:
                await customer.gets_paired()
            nursery.cancel_scope.cancel()

    async def _accepts_all(self, mitra: Mitra) -> None:
        while True:
            offer = await mitra.app.next_offer(set())
            try:
                await mitra.accepts(offer)
            except Refused:
                mitra.app.offers.pop(offer["pairing_id"], None)

    @property
    def people(self) -> list[Person]:  # type: ignore[type-arg]
        return [*self.customers, *self.mitras]

    def pid(self, server: str) -> int:
        """The process of the node's own PostgreSQL or Valkey."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                program = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode()
                parent = re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.M)
            except OSError:
                continue  # it has ended meanwhile
            ours = parent is not None and int(parent[1]) == self.node_pid
            if ours and server in Path(program).name:
                return int(entry.name)
        raise LookupError(server)

    @property
    def node_pid(self) -> int:
        assert self.node._process is not None
        return self.node._process.pid

    def signals(self, server: str, number: signal.Signals) -> None:
        """To a server of ours, by its own id."""
        os.kill(self.pid(server), number)

    # talking

    def talking(self) -> "_Talking":
        """Everybody talks for the length of a block."""
        return _Talking(self)

    async def talks(self, person: Person) -> None:  # type: ignore[type-arg]
        number = 0
        while True:
            await trio.sleep(self._rng.uniform(*TALK_EVERY))
            talk = self._rng.choice(list(person.app.conversations.values()))
            number += 1
            person.app.say(talk.id, f"{person.id} {number}")
            if not number % 5:
                person.app.reads(talk.id)

    async def hears_acks(self, count: int) -> None:
        """Wait until so many more messages were acknowledged to anybody."""
        wanted = self.acks + count
        with trio.fail_after(CALM_WITHIN):
            while self.acks < wanted:  # noqa: ASYNC110 - many apps tell, none for all
                await trio.sleep(0.02)

    @property
    def acks(self) -> int:
        talks = (talk for one in self.people for talk in one.app.conversations.values())
        return sum(len(talk.history.acks) for talk in talks)

    # judging

    async def kept_every_promise(self) -> None:
        """All connected, answered and informed; then nothing is lost, doubled or disordered."""
        with trio.fail_after(CALM_WITHIN):
            for one in self.people:
                await one.app.until(lambda one=one: one.app.connected)  # type: ignore[misc]
                for talk in one.app.conversations.values():
                    await one.app.until(lambda talk=talk: not talk.unanswered)  # type: ignore[misc]
            last: dict[str, int] = {}
            for one in self.people:
                for talk in one.app.conversations.values():
                    seqs = [ack.seq for ack in talk.history.acks]
                    last[talk.id] = max([last.get(talk.id, 0), *seqs])
            for one in self.people:
                for talk in one.app.conversations.values():
                    await one.app.until(
                        lambda talk=talk: talk.known_up_to >= last[talk.id]  # type: ignore[misc]
                    )
        told = Told(
            histories=tuple(
                talk.history for one in self.people for talk in one.app.conversations.values()
            ),
            confirmed_payments=frozenset().union(
                *(one.app.confirmed_payments for one in self.customers)
            ),
        )
        url = database_url({}, self.node.data_dir)
        stored = await read_stored(url, [one.id for one in self.customers], Clock().now())
        broken = violations(told, stored)
        assert not broken, "\n".join(map(str, broken[:20]))
        assert sum(last.values()) > 0


class _Talking:
    """The block of `Town.talking`."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._manager = trio.open_nursery()

    async def __aenter__(self) -> None:
        nursery = self._nursery = await self._manager.__aenter__()
        for person in self._town.people:
            nursery.start_soon(self._town.talks, person)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        return await self._manager.__aexit__(kind, error, trace)


@asynccontextmanager
async def town(folder: Path, sessions: int) -> AsyncIterator[Town]:
    """A node on a fresh DATA_DIR, and that many sessions under way."""
    environ = {
        **os.environ,
        "CC_ADMIN_PASSWORD": PASSWORD,
        "OTP_COOLDOWN_SECONDS": "0",
        "LOG_FORMAT": "json",
    }
    async with (
        own_node(folder, environ) as node,
        guests(
            node.public_url,
            node.internal_url,
            email="admin@halobestie.local",
            password=PASSWORD,
            code_for=node.codes.code_for,
        ) as people,
    ):
        place = Town(node, people)
        await place.settles(sessions)
        yield place
