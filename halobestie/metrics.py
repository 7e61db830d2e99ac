"""What Prometheus scrapes: figures that others keep, read when it asks."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from actors import totals
from halobestie.house import House


class _Collected(Collector):
    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterator[Metric]:
        house = self._house
        sums = totals(house.system)
        yield _counter("actor_messages", "Messages handled by actors.", sums.messages)
        yield _counter("actor_restarts", "Actors started again after a crash.", sums.restarts)
        yield _counter("dead_letters", "Messages that no actor handled.", sums.dead_letters)
        actors = GaugeMetricFamily("halobestie_actors", "Actors alive.", labels=["kind"])
        mail = GaugeMetricFamily("halobestie_mail", "Messages waiting.", labels=["kind"])
        for kind in house.system.kinds.values():
            actors.add_metric([kind.name], len(kind.cells))
            waiting = sum(len(cell.mailbox.mail) for cell in kind.cells.values())
            mail.add_metric([kind.name], waiting)
        yield actors
        yield mail
        yield _gauge("sockets", "Connected apps.", len(house.roster.everyone()))
        yield _gauge("mitras_online", "Mitras that are online.", len(house.board.online))
        yield _gauge("mitras_free", "Mitras with a free slot.", len(house.board.free))
        for name, statistics in house.statistics.items():
            yield from _figures(name, msgspec.to_builtins(statistics()))


def render(house: House) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(house))
    return generate_latest(registry)


def _counter(name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily(f"halobestie_{name}", text)
    family.add_metric([], value)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(f"halobestie_{name}", text)
    family.add_metric([], value)
    return family


def _figures(of: str, figures: Mapping[str, Any]) -> Iterator[Metric]:
    """The numbers of a `statistics()`, each as a gauge; a mapping of numbers gets labels."""
    for name, value in figures.items():
        if isinstance(value, bool | int | float):
            yield _gauge(f"{of}_{name}", f"{name} of {of}.", float(value))
        elif isinstance(value, dict) and value:
            family = GaugeMetricFamily(f"halobestie_{of}_{name}", f"{name} of {of}.", labels=["of"])
            for label, count in value.items():
                family.add_metric([str(label)], float(count))
            yield family
