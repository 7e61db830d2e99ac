"""Our node as a target of the load generator `load.py` (`--target ours.py:Ours`).

    python load.py --target tests/bench/ours.py:Ours --url ws://127.0.0.1:3000 \\
        --dsn postgres://… --secret "$AUTH_JWT_SECRET" --sessions 100 --closed \\
        --watch server=:3000

`prepare` writes what log-in, purchase and pairing would have written: a customer, a mitra,
a consumed payment and an active session each, under ids of this run alone, so that the
node may be running; tokens are made with its key. Nothing is emptied. With `--idle` the
users connect without a session, as an app does that has nothing to do.
"""

import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import load  # type: ignore[import-not-found]  # the generator itself, which loads this file

HOURS = 12  # that a session lasts: none ends during a measurement

CUSTOMERS = """
insert into customers (id, display_name, is_anonymous, created_at, updated_at)
values ($1, 'bench', true, $2, $2)"""
MITRAS = """
insert into mitras (id, display_name, phone, is_active, created_at, updated_at)
values ($1, 'bench', $2, true, $3, $3)"""
PAYMENTS = """
insert into payment_requests (
    id, customer_id, status, amount, duration_minutes, tier_id, is_free_trial, is_extension,
    session_id, topics, sensitivity, created_at, expires_at, confirmed_at, consumed_at, paid_id
) values ($1, $2, 'consumed', 1000, 720, 'test_1', false, false, $3, '{}', 'regular',
    $4, $5, $4, $4, $1)"""
SESSIONS = """
insert into chat_sessions (
    id, customer_id, mitra_id, payment_request_id, status, topics, sensitivity,
    duration_minutes, is_free_trial, started_at, ends_at
) values ($1, $2, $3, $4, 'active', '{}', 'regular', 720, false, $5, $6)"""
STORED = """
select session_id, seq, client_message_id, id from chat_messages where session_id = any($1)"""
RECEIPTS = "select id, last_seq, mitra_delivered_seq from chat_sessions where id = any($1)"


class Pair:
    """The ids behind one session of the generator."""

    def __init__(self) -> None:
        self.session, self.customer, self.mitra, self.payment = (uuid.uuid4() for _ in range(4))
        self.tag = str(self.session).encode()


class Ours(load.Fastify):  # type: ignore[misc]
    """The contract's frames over `/api/client/ws` (senders) and `/api/mitra/ws`."""

    def prepare(self, sessions: list[Any]) -> None:
        for s in sessions:
            s.tag = Pair()
        pairs = [s.tag for s in sessions]
        now = datetime.now(UTC)  # noqa: TID251 - a program of its own
        ends_at = now + timedelta(hours=HOURS)
        run = uuid.uuid4().int % 10**7

        async def work(con: Any) -> None:
            await con.executemany(CUSTOMERS, [(p.customer, now) for p in pairs])
            await con.executemany(
                MITRAS, [(p.mitra, f"+{run:07d}{n:07d}", now) for n, p in enumerate(pairs)]
            )
            if not self.args.idle:
                await con.executemany(
                    PAYMENTS, [(p.payment, p.customer, p.session, now, ends_at) for p in pairs]
                )
                await con.executemany(
                    SESSIONS,
                    [(p.session, p.customer, p.mitra, p.payment, now, ends_at) for p in pairs],
                )
            await con.execute("CHECKPOINT")

        load.db(self.args.dsn, work)

    def connect(self, session: Any, sender: bool) -> Any:
        pair, now = session.tag, int(time.time())  # noqa: TID251
        claims = {
            "sub": str(pair.customer if sender else pair.mitra),
            "user_type": "customer" if sender else "mitra",
            "session_id": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 3600,
        }
        token = load.jwt_hs256(claims, self.args.secret)
        path = "/api/client/ws" if sender else "/api/mitra/ws"
        sock, data = load.ws_connect(self.url(sender) + path, f"access_token={quote(token)}")
        # What hello counts as known comes by `resume`, not as a frame: begin after it.
        return sock, load.read_until(sock, b'"type":"hello"', data)

    def message(self, conn: Any, n: int, content: bytes) -> bytes:
        frame: bytes = load.ws_frame(
            b'{"type":"message","session_id":"%s","client_message_id":"%d-%d","content":"%s"}'
            % (conn.session.tag.tag, conn.session.idx, n, content)
        )
        return frame

    def delivered(self, conn: Any, n: int, seq: int) -> bytes:
        frame: bytes = load.ws_frame(
            b'{"type":"delivered","session_id":"%s","up_to_seq":%d}' % (conn.session.tag.tag, seq)
        )
        return frame

    def feed(self, conn: Any, data: bytes) -> Any:
        for payload in load.ws_payloads(conn, data):
            frame = load.json_loads(payload)
            match frame["type"]:
                case "message":
                    yield "msg", int(frame["content"].split("|", 1)[0]), frame["seq"]
                case "message_status" if frame["status"] == "sent":
                    n = int(frame["client_message_id"].split("-", 1)[1])
                    yield "ack", n, frame["seq"], frame["id"]
                case "message_status":
                    yield "seen", frame["up_to_seq"]
                case "error":
                    yield "error", payload.decode(errors="replace")
                case _:
                    pass

    def verify(self, sessions: list[Any]) -> dict[str, int]:
        ids = [s.tag.session for s in sessions]

        async def work(con: Any) -> Any:
            return await con.fetch(STORED, ids), await con.fetch(RECEIPTS, ids)

        rows, receipts = load.db(self.args.dsn, work)
        stored = {(r["session_id"], r["client_message_id"]): (r["seq"], str(r["id"])) for r in rows}
        delivered = {r["id"]: r["mitra_delivered_seq"] for r in receipts}
        seqs = defaultdict(list)
        for r in rows:
            seqs[r["session_id"]].append(r["seq"])
        missing = wrong = 0
        for s in sessions:
            for n, seq in s.seq.items():
                row = stored.get((s.tag.session, f"{s.idx}-{n}"))
                missing += row is None
                wrong += row is not None and row != (seq, s.ids[n])
        return {
            "missing_in_db": missing,
            "wrong_in_db": wrong,
            "status_not_stored": sum(delivered[s.tag.session] < s.upto for s in sessions),
            "sessions_with_gaps": sum(
                sorted(seqs[r["id"]]) != list(range(1, r["last_seq"] + 1)) for r in receipts
            ),
            "rows_in_db": len(rows),
        }
