"""Did the server keep its word? What apps were told, held against what is stored.

Pure: histories and rows in, violations out; nothing is read and nothing printed. Every
rule is one function, and yields all it finds, so a run with ten losses names ten.
An acknowledged message is a promise: it stands once, under the number and the id of its
acknowledgement, and the other party saw it. A message that was never answered is
none: it may be stored or not. Both apps must have been connected, and quiet, at the
end; the rows are read after that.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from .checker_money import money_violations
from .evidence import Stored, StoredMessage, StoredSession, Told, Violation
from .history import History, Sighting


def violations(told: Told, stored: Stored) -> list[Violation]:
    """Every broken promise, in a stable order. An empty list: all were kept."""
    rows_of: dict[str, list[StoredMessage]] = defaultdict(list)
    for row in stored.messages:
        rows_of[row.session_id].append(row)
    histories_of: dict[str, list[History]] = defaultdict(list)
    for history in told.histories:
        histories_of[history.session_id].append(history)
    sessions = {session.id: session for session in stored.sessions}

    found: list[Violation] = []
    for session_id in sorted(rows_of.keys() | histories_of.keys() | sessions.keys()):
        rows = sorted(rows_of[session_id], key=lambda row: row.seq)
        histories = histories_of[session_id]
        found += _stored_once(session_id, rows)
        found += _gapless(session_id, rows, sessions.get(session_id))
        for history in histories:
            found += _acked_is_stored(history, rows)
            found += _refused_is_not_stored(history, rows)
            found += _seen_is_stored(history, rows)
            found += _in_order(history, rows)
            found += _peer_saw_all(history, histories)
        if histories and session_id not in sessions:
            found.append(Violation("session_lost", session_id, "an app was told of it, no row"))
    found += money_violations(told, stored)
    return sorted(found)


def _stored_once(session_id: str, rows: Sequence[StoredMessage]) -> Iterator[Violation]:
    """One row per message, per number and per id."""
    keys = Counter((row.sender_type, row.client_message_id) for row in rows)
    for (sender, client_id), count in keys.items():
        if count > 1:
            yield Violation("stored_twice", session_id, f"{sender} {client_id}: {count} rows")
    for name, counts in (
        ("seq", Counter(str(row.seq) for row in rows)),
        ("id", Counter(row.id for row in rows)),
    ):
        for value, count in counts.items():
            if count > 1:
                yield Violation("number_twice", session_id, f"{name} {value}: {count} rows")


def _gapless(
    session_id: str, rows: Sequence[StoredMessage], session: StoredSession | None
) -> Iterator[Violation]:
    """1, 2, 3 … up to the session's own `last_seq`."""
    seqs = {row.seq for row in rows}
    last = max(seqs, default=0)
    if session is not None and session.last_seq != last:
        yield Violation(
            "last_seq_differs", session_id, f"session says {session.last_seq}, rows end at {last}"
        )
    missing = sorted(set(range(1, last + 1)) - seqs)
    if missing or min(seqs, default=1) < 1:
        yield Violation("seq_gap", session_id, f"missing {_some(missing)} of 1..{last}")


def _acked_is_stored(history: History, rows: Iterable[StoredMessage]) -> Iterator[Violation]:
    """Each acknowledgement names a row: same seq, same id, same text."""
    mine = {row.client_message_id: row for row in rows if row.sender_type == history.role}
    for ack in history.acks:
        where = f"{history.session_id} {history.role} {ack.client_message_id}"
        row = mine.get(ack.client_message_id)
        if row is None:
            yield Violation("acked_not_stored", where, f"acked as seq {ack.seq}")
            continue
        if (row.seq, row.id) != (ack.seq, ack.id):
            yield Violation(
                "acked_differently", where, f"acked {ack.seq} {ack.id}, stored {row.seq} {row.id}"
            )
        sent = history.sent.get(ack.client_message_id)
        if sent is None:
            yield Violation("acked_unsent", where, f"seq {ack.seq}")
        elif sent.content != row.content:
            yield Violation("content_changed", where, f"seq {row.seq}")


def _refused_is_not_stored(history: History, rows: Iterable[StoredMessage]) -> Iterator[Violation]:
    """A refusal for good (not `unavailable` and its like) means: not stored."""
    mine = {row.client_message_id: row for row in rows if row.sender_type == history.role}
    for client_id, code in history.refused.items():
        row = mine.get(client_id)
        if row is not None:
            where = f"{history.session_id} {history.role} {client_id}"
            yield Violation("refused_but_stored", where, f"{code}, stored as seq {row.seq}")


def _seen_is_stored(history: History, rows: Iterable[StoredMessage]) -> Iterator[Violation]:
    """What an app saw stands in the store as it saw it; a repeat is the same message."""
    stored = {row.seq: (row.id, row.sender_type, row.client_message_id) for row in rows}
    for seen in history.sightings:
        where = f"{history.session_id} seen by {history.role}"
        row = stored.get(seen.seq)
        if row is None:
            yield Violation("seen_not_stored", where, f"seq {seen.seq} {seen.id}")
        elif row != (seen.id, seen.sender_type, seen.client_message_id):
            detail = f"seq {seen.seq}: {seen.id}, stored {row[0]}"
            yield Violation("seen_differently", where, detail)


def _peer_saw_all(history: History, histories: Iterable[History]) -> Iterator[Violation]:
    """Whatever this app was acknowledged, the other party's app saw."""
    peers = [other for other in histories if other.role != history.role]
    if not peers:
        return  # the other party is not ours, or its app is gone
    where = f"{history.session_id} written by {history.role}"
    seen = {sighting.seq for peer in peers for sighting in peer.sightings}
    for seq in sorted({ack.seq for ack in history.acks} - seen):
        yield Violation("peer_missed", where, f"seq {seq}")


def _in_order(history: History, rows: Sequence[StoredMessage]) -> Iterator[Violation]:
    """On one connection and outside a resume, what the other party wrote comes by itself,
    in order, from the `last_seq` of `hello` on, nothing left out. A repeat of the same
    message is no violation."""
    theirs = [row.seq for row in rows if row.sender_type != history.role]
    where = f"{history.session_id} seen by {history.role}"
    seen: set[int] = set()
    highest: dict[int, int] = {}  # per connection
    for sighting in _theirs(history):
        before = highest.get(sighting.connection, history.baselines.get(sighting.connection, 0))
        if not sighting.resumed and sighting.seq not in seen:
            if sighting.seq < highest.get(sighting.connection, 0):
                yield Violation("out_of_order", where, f"seq {sighting.seq} after {before}")
            between = theirs[bisect_right(theirs, before) : bisect_left(theirs, sighting.seq)]
            skipped = [seq for seq in between if seq not in seen]
            if skipped:
                yield Violation("skipped", where, f"{_some(skipped)} before seq {sighting.seq}")
        if not sighting.resumed:
            highest[sighting.connection] = max(before, sighting.seq)
        seen.add(sighting.seq)


def _theirs(history: History) -> Iterator[Sighting]:
    return (seen for seen in history.sightings if seen.sender_type != history.role)


def _some(numbers: Sequence[int]) -> str:
    """At most eight of them: a gap of a thousand is not worth a thousand words."""
    shown = ", ".join(str(n) for n in numbers[:8])
    return shown + (f", … ({len(numbers)})" if len(numbers) > 8 else "")
