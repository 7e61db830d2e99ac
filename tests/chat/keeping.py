"""Holding what apps were told against what is stored."""

from collections.abc import Sequence
from typing import Any

from halobestie.demo.checker import violations
from halobestie.demo.evidence import Told
from halobestie.demo.rows import read_stored
from tests.apps import Customer, Mitra
from tests.nodes import TestNode

Person = Customer | Mitra


async def kept_every_promise(database_url: str, node: TestNode, people: Sequence[Person]) -> None:
    """Fails with each broken promise: a message lost, doubled, out of order, a rupiah gone."""
    customers = [one for one in people if isinstance(one, Customer)]
    told = Told(
        histories=tuple(talk.history for one in people for talk in one.app.conversations.values()),
        confirmed_payments=frozenset().union(*(one.app.confirmed_payments for one in customers)),
    )
    stored = await read_stored(database_url, [one.id for one in customers], node.house.clock.now())
    broken = violations(told, stored)
    assert not broken, "\n".join(map(str, broken))


async def all_answered(people: Sequence[Person]) -> None:
    """Wait until every app has an answer to everything it wrote."""
    for one in people:
        await one.until(
            lambda one=one: all(  # type: ignore[misc]
                not talk.unanswered for talk in one.app.conversations.values()
            )
        )


async def all_seen(people: Sequence[Person]) -> None:
    """Wait until every app knows every message that was acknowledged to anybody."""
    last: dict[str, int] = {}
    for one in people:
        for talk in one.app.conversations.values():
            seqs = [ack.seq for ack in talk.history.acks]
            last[talk.id] = max([last.get(talk.id, 0), *seqs])
    for one in people:
        for talk in one.app.conversations.values():
            await one.until(lambda talk=talk: talk.known_up_to >= last[talk.id])  # type: ignore[misc]


def contents(frames: Sequence[dict[str, Any]]) -> list[str]:
    return [frame["content"] for frame in frames]
