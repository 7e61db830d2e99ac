"""What must hold of searches, sessions and money at any moment, read from the rows."""

from typing import Any

from halobestie.adapters.postgres import Database

BROKEN = {
    "a paired search without its session": """
        select p.id from pairings p left join chat_sessions s on s.id = p.session_id
        where p.status = 'paired' and s.id is null""",
    "a session without the search that won it": """
        select s.id from chat_sessions s left join pairings p on p.session_id = s.id
        where p.id is null""",
    "a payment with two sessions, or two winners": """
        select p.payment_request_id from pairings p where p.status = 'paired'
        group by 1 having count(*) > 1""",
    "a session whose payment is not consumed": """
        select s.id from chat_sessions s join payment_requests r on r.id = s.payment_request_id
        where r.status <> 'consumed' or r.session_id <> s.id""",
    "a consumed payment without a session": """
        select r.id from payment_requests r
        left join chat_sessions s on s.payment_request_id = r.id
        where r.status = 'consumed' and not r.is_extension and s.id is null""",
    "a search that runs with money that is gone": """
        select p.id from pairings p join payment_requests r on r.id = p.payment_request_id
        where p.status = 'searching' and r.status <> 'confirmed'""",
    "a search whose winner did not accept": """
        select p.id from pairings p join chat_sessions s on s.id = p.session_id
        left join pairing_offers o on o.pairing_id = p.id and o.fate = 'accepted'
        where p.status = 'paired' and o.mitra_id is null""",
    "two who accepted one search": """
        select pairing_id from pairing_offers where fate = 'accepted'
        group by 1 having count(*) > 1""",
    "a terminal failure with money that is still confirmed": """
        select p.id from pairings p join payment_requests r on r.id = p.payment_request_id
        where p.status in ('failed', 'cancelled') and p.is_terminal and r.status = 'confirmed'""",
    "a failed search that operators cannot see": """
        select p.id from pairings p
        where p.status = 'failed' and not exists (
            select 1 from failed_pairings f where f.payment_request_id = p.payment_request_id)""",
}

OVER_CAPACITY = """
    select mitra_id from chat_sessions where status in ('active', 'expired')
    group by 1 having count(*) > $1"""


async def broken(db: Database, *, capacity: int | None = None) -> list[str]:
    """The names of the invariants that do not hold."""

    async def work(conn: Any) -> list[str]:
        found = [what for what, query in BROKEN.items() if await conn.fetch(query)]
        if capacity is not None and await conn.fetch(OVER_CAPACITY, capacity):
            found.append(f"a mitra with more than {capacity} sessions")
        return found

    return await db.transaction(work)


async def count(db: Database, query: str, *arguments: object) -> int:
    """One number out of the rows."""

    async def work(conn: Any) -> int:
        found: int = await conn.fetchval(query, *arguments)
        return found

    return await db.transaction(work)
