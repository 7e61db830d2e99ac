"""The herald: messages that nobody acknowledged in time become pushes, once each.

Sessions say whom they could not reach; what they say gathers while one transaction is
under way, as in the journal, and never holds up a message. How far a reader has been
pushed is a column of the session, committed together with the outbox rows. What the
herald has only gathered is lost with a crash or an absent database; a session that hears
nothing asks again.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from actors import Actor, Kind, MailboxFull, Unavailable
from halobestie.adapters.postgres import Connection, Database
from halobestie.push.messages import Owed, Pushes

from .messages import OweMessages, Party, Pushed, SessionMessage
from .store import sql

log = structlog.get_logger("halobestie.chat")

MESSAGE_LIFE = timedelta(days=1)  # a phone that is on again by then still shows it

Reader = tuple[UUID, Party]


class Herald(Actor[OweMessages]):
    """A static service."""

    def __init__(self, db: Database, pushes: Pushes, sessions: Kind[SessionMessage]) -> None:
        self._db = db
        self._pushes = pushes
        self._sessions = sessions
        self._asked: dict[Reader, OweMessages] = {}
        self._pushed = 0

    async def receive(self, message: OweMessages) -> None:
        # The later one knows better how far the reader is.
        self._asked[message.session_id, message.reader] = message

    async def flush(self) -> None:
        """Owe what has gathered, and tell the sessions how far that goes."""
        asked, self._asked = self._asked, {}
        if not asked:
            return
        at = self.clock.now()

        async def work(conn: Connection) -> dict[Reader, Pushed]:
            return await self._owe(conn, asked, at)

        try:
            done = await self._db.transaction(work)
        except Unavailable:
            log.warning("message pushes put off", readers=len(asked))
            return
        self._pushes.sent_soon()
        for (session_id, _), pushed in done.items():
            try:
                self._sessions.tell_running(session_id, pushed)
            except MailboxFull:
                continue  # it asks again, and finds that nothing is left to push

    async def _owe(
        self, conn: Connection, asked: dict[Reader, OweMessages], at: datetime
    ) -> dict[Reader, Pushed]:
        rows = await sql.unpushed_messages(
            conn,
            session_ids=[one.session_id for one in asked.values()],
            readers=[one.reader for one in asked.values()],
            aboves=[one.above for one in asked.values()],
        )
        done = {reader: Pushed(reader[1], 0, None) for reader in asked}
        owed = []
        for row in rows:
            reader = row["session_id"], row["reader"]
            one, so_far = asked[reader], done[reader]
            if so_far.next_at is not None:
                continue
            if row["created_at"] > one.older_than:
                done[reader] = Pushed(one.reader, so_far.seq, row["created_at"])
                continue
            done[reader] = Pushed(one.reader, row["seq"], None)
            owed.append(
                Owed(
                    user_id=one.reader_id,
                    type="chat_message",
                    session_id=one.session_id,
                    message_id=row["id"],
                    expires_at=at + MESSAGE_LIFE,
                )
            )
        if owed:
            await sql.note_pushed(
                conn,
                session_ids=[session_id for session_id, _ in done],
                customers=[one.seq if one.reader == "customer" else 0 for one in done.values()],
                mitras=[one.seq if one.reader == "mitra" else 0 for one in done.values()],
            )
            await self._pushes.owe_all(conn, owed, at)
            self._pushed += len(owed)
        return done

    def info(self) -> dict[str, object]:
        return {"pushed": self._pushed}
