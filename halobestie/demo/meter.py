"""Counts and latencies of a run. Every frame of every app passes through `on_news`.

A latency begins when a message was due, not when it found a socket: what a kill costs
is in the figures.
"""

from collections import deque

import trio

from .client import App
from .history import Sent
from .link import Frame

RECENT = 1000  # latencies that the live view looks at


class Latencies:
    """Seconds, all of them and the latest."""

    def __init__(self) -> None:
        self.all: list[float] = []
        self.recent: deque[float] = deque(maxlen=RECENT)

    def add(self, seconds: float) -> None:
        self.all.append(seconds)
        self.recent.append(seconds)


def percentile(values: "list[float] | deque[float]", share: float) -> float | None:
    """The value that `share` (0..1) of them do not exceed; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:,.1f} ms"


class Meter:
    """One per run, shared by all its apps."""

    def __init__(self) -> None:
        self.written = 0
        self.frames = 0
        self.acks = Latencies()
        self.arrivals = Latencies()
        self._unacked: dict[str, float] = {}
        self._unseen: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """Written and neither acknowledged nor refused."""
        return len(self._unacked)

    def wrote(self, sent: Sent) -> None:
        self.written += 1
        self._unacked[sent.client_message_id] = sent.at
        self._unseen[sent.client_message_id] = sent.at

    def on_news(self, app: App, frame: Frame) -> None:
        self.frames += 1
        match frame["type"]:
            case "message_status" if frame["status"] == "sent":
                self._first(self._unacked, frame, self.acks)
            case "message" if frame["sender_type"] != app.role:
                self._first(self._unseen, frame, self.arrivals)
            case "error":
                conversation = app.conversations.get(frame.get("session_id", ""))
                client_id = frame.get("client_message_id", "")
                if conversation is not None and client_id in conversation.history.refused:
                    self._unacked.pop(client_id, None)
                    self._unseen.pop(client_id, None)
            case _:
                pass

    def _first(self, waiting: dict[str, float], frame: Frame, latencies: Latencies) -> None:
        since = waiting.pop(frame["client_message_id"], None)
        if since is not None:
            latencies.add(trio.current_time() - since)
