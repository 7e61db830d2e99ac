"""What the features hold about a customer, for the data export of accounts."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from halobestie.adapters.postgres import Database, Query, queries

sql = queries("export")

PARTS: dict[str, Query] = {
    "payments": sql.payments_about,
    "transactions": sql.money_about,
    "searches": sql.searches_about,
    "sessions": sql.sessions_about,
    "messages": sql.messages_about,
    "closing_messages": sql.closing_about,
    "pushes": sql.pushes_about,
}


def exports(db: Database) -> dict[str, Callable[[UUID], Awaitable[object]]]:
    """By the name a part has in the export: how it is asked for."""

    def part(query: Query) -> Callable[[UUID], Awaitable[object]]:
        async def ask(customer_id: UUID) -> object:
            return [dict(row) for row in await db.run(query, customer_id=customer_id)]

        return ask

    return {name: part(query) for name, query in PARTS.items()}
