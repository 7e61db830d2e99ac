"""The checker's rows, read from PostgreSQL: what became of these customers.

Reads only, beside a node that runs or does not. An embedded server is found by its
DATA_DIR, which fixes the path of its socket.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from halobestie.adapters.bridge import open_bridge
from halobestie.adapters.embedded import EmbeddedPostgres
from halobestie.adapters.postgres import Database, open_database, queries

from .evidence import Stored, StoredFailure, StoredMessage, StoredPayment, StoredSession

SESSIONS_AT_ONCE = 50  # whose messages are read in one statement, well within its time limit

_sql = queries("checker")


def database_url(environ: Mapping[str, str], data_dir: Path) -> str:
    """Where the node with this environment keeps its truth."""
    return environ.get("DATABASE_URL") or EmbeddedPostgres(data_dir).url


async def read_stored(url: str, customer_ids: Iterable[str], as_of: datetime) -> Stored:
    """Everything stored of these customers. Unavailable if PostgreSQL does not answer."""
    customers = [UUID(customer_id) for customer_id in customer_ids]
    async with open_bridge() as bridge, open_database(bridge, url, connections=1) as database:
        sessions = await database.run(_sql.sessions_of_customers, customers=customers)
        return Stored(
            as_of=as_of,
            messages=await _messages(database, [row["id"] for row in sessions]),
            sessions=tuple(
                StoredSession(
                    str(row["id"]),
                    str(row["customer_id"]),
                    str(row["payment_request_id"]),
                    row["status"],
                    row["last_seq"],
                )
                for row in sessions
            ),
            payments=tuple(
                _payment(row)
                for row in await database.run(_sql.payments_of_customers, customers=customers)
            ),
            failures=tuple(
                StoredFailure(str(row["payment_request_id"]), row["cause_tag"], row["is_terminal"])
                for row in await database.run(_sql.failures_of_customers, customers=customers)
            ),
            searching=frozenset(
                str(row["payment_request_id"])
                for row in await database.run(_sql.payments_searching, customers=customers)
            ),
        )


async def _messages(database: Database, sessions: Sequence[UUID]) -> tuple[StoredMessage, ...]:
    found: list[StoredMessage] = []
    for start in range(0, len(sessions), SESSIONS_AT_ONCE):
        some = sessions[start : start + SESSIONS_AT_ONCE]
        found += [
            StoredMessage(
                str(row["session_id"]),
                row["seq"],
                str(row["id"]),
                row["sender_type"],
                row["client_message_id"],
                row["content"],
            )
            for row in await database.run(_sql.messages_of_sessions, sessions=some)
        ]
    return tuple(found)


def _payment(row: Any) -> StoredPayment:
    return StoredPayment(
        id=str(row["id"]),
        customer_id=str(row["customer_id"]),
        status=row["status"],
        is_extension=row["is_extension"],
        session_id=None if row["session_id"] is None else str(row["session_id"]),
        confirmed=row["confirmed"],
        expires_at=row["expires_at"],
    )
