"""The money part of a node: real database and routes, recorded announcements, and answers
of pairing and chat that a test sets."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import trio

from actors import Clock
from halobestie.adapters.postgres import Connection, Database
from halobestie.callers import Caller
from halobestie.control import config, money
from halobestie.errors import Unauthenticated
from halobestie.house import House
from halobestie.ids import new_id
from halobestie.knobs.keeper import KnobBoard
from halobestie.knobs.rules import Limits
from halobestie.pairing.messages import PairingView
from halobestie.payments.gateway import Gateway
from halobestie.payments.messages import PaidRequest, StatusChange
from halobestie.payments.operators import MoneyDesk
from halobestie.payments.reconciler import Reconciliation
from halobestie.payments.service import Payments
from halobestie.public import payments as payment_routes
from halobestie.public import pricing as pricing_routes
from halobestie.settings import read_settings
from halobestie.web import HaloApp, Readiness, make_app

TOKEN = "callback-token-of-the-test"


class Chat:
    """What pairing and chat would say."""

    def __init__(self) -> None:
        self.running_sessions: dict[UUID, UUID] = {}
        self.extendable: dict[tuple[UUID, UUID], bool] = {}
        self.used: set[UUID] = set()
        self.searched: set[UUID] = set()

    async def running(self, conn: Connection, customer_id: UUID) -> UUID | None:
        return self.running_sessions.get(customer_id)

    async def can_be_extended(
        self, conn: Connection, session_id: UUID, customer_id: UUID
    ) -> bool | None:
        return self.extendable.get((session_id, customer_id))

    async def in_use(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        return self.used & set(payment_ids)

    async def never_searched(self, conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
        return set(payment_ids) - self.searched


class MovableClock(Clock):
    """Real time plus what a test adds."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def seconds_until(self, moment: datetime) -> float:
        return (moment - self.now()).total_seconds()


class Shop:
    """One node's money, and clients for it."""

    def __init__(
        self, db: Database, *, gateway: Gateway | None = None, environ: Mapping[str, str] = {}
    ) -> None:
        self.db = db
        self.clock = MovableClock()
        self.chat = Chat()
        self.confirmed: list[PaidRequest] = []
        self.told: list[StatusChange] = []
        self.audited: list[dict[str, Any]] = []
        self.announced_knobs = 0
        self.callers: dict[str, Caller] = {}
        limits = Limits(15, development=True)
        self.knobs = KnobBoard(db, limits, audit=self._audit, announce=self._announce)
        self.payments = Payments(
            db=db,
            clock=self.clock,
            knobs=self.knobs,
            gateway=gateway,
            sessions=self.chat,
            announce_confirmed=self.confirmed.append,
            announce_status=self.told.append,
        )
        self.desk = MoneyDesk(db, self.clock, self.payments, self._audit)
        self.reconciliation = Reconciliation(db, self.clock, self.payments, self.chat)
        if gateway is not None:
            environ = {
                "XENDIT_ENABLED": "true",
                "XENDIT_SECRET_KEY": "xnd_development_test",
                "XENDIT_CALLBACK_TOKEN": TOKEN,
                **environ,
            }
        self.app = self._app(
            SimpleNamespace(
                settings=read_settings(environ),
                clock=self.clock,
                knobs=self.knobs,
                payments=self.payments,
                money=self.desk,
                pairing_views=_no_pairings,
            )
        )

    def _app(self, house: SimpleNamespace) -> HaloApp:
        app = make_app(
            "test",
            (
                *payment_routes.areas,
                *pricing_routes.areas,
                *config.areas,
                *money.areas,
            ),
            authenticate=self._authenticate,
            ready=lambda: Readiness("ready"),
            openapi_path="/openapi.json",
        )
        app.house = cast("House", house)
        return app

    def _authenticate(self, token: str) -> Caller:
        try:
            return self.callers[token]
        except KeyError:
            raise Unauthenticated from None

    async def _audit(self, conn: Connection, **row: Any) -> None:
        self.audited.append(row)

    def _announce(self) -> None:
        self.announced_knobs += 1

    async def sql(self, statement: str, *arguments: object) -> list[Any]:
        """Run a statement of the test's own."""
        return await self.db.transaction(lambda conn: conn.fetch(statement, *arguments))

    async def customer(self, *, is_anonymous: bool = False) -> "Client":
        """A new customer, signed in."""
        caller = Caller(new_id(), "customer", new_id())
        await self.sql(
            "insert into customers (id, display_name, is_anonymous, created_at, updated_at)"
            " values ($1, 'Sari', $2, $3, $3)",
            caller.id,
            is_anonymous,
            self.clock.now(),
        )
        return self._client(caller)

    async def operator(self) -> "Client":
        """A new operator, signed in."""
        caller = Caller(new_id(), "cc_user", new_id(), "operator")
        await self.sql(
            "insert into cc_users (id, email, display_name, role, password_hash, is_active,"
            " created_at, updated_at) values ($1, $2, 'Rina', 'operator', '', true, $3, $3)",
            caller.id,
            f"{caller.id}@example.org",
            self.clock.now(),
        )
        return self._client(caller)

    async def mitra(self) -> UUID:
        """A new mitra."""
        mitra_id = new_id()
        await self.sql(
            "insert into mitras (id, display_name, phone, is_active, created_at, updated_at)"
            " values ($1, 'Bestie Ayu', $2, true, $3, $3)",
            mitra_id,
            f"+62{mitra_id.int % 10**11}",
            self.clock.now(),
        )
        return mitra_id

    def _client(self, caller: Caller) -> "Client":
        token = caller.id.hex
        self.callers[token] = caller
        return Client(self, caller.id, token)

    async def consume(self, payment_id: str | UUID, session_id: UUID | None = None) -> bool:
        """What pairing does when a mitra has accepted."""
        return await self.db.transaction(
            lambda conn: self.payments.consume(
                conn,
                UUID(str(payment_id)),
                session_id=session_id or new_id(),
                at=self.clock.now(),
            )
        )

    async def fail(
        self, payment_id: str | UUID, cause: Any, *, is_terminal: bool, **more: Any
    ) -> bool:
        """What pairing does when nobody came."""
        return await self.db.transaction(
            lambda conn: self.payments.fail(
                conn,
                UUID(str(payment_id)),
                cause_tag=cause,
                is_terminal=is_terminal,
                targeted_mitra_id=None,
                at=self.clock.now(),
                **more,
            )
        )

    async def disagreements(self) -> list[Any]:
        """Requests whose state and ledger contradict one another."""
        return list((await self.desk.money(limit=200, offset=0)).disagreements)


async def _no_pairings(_ids: Sequence[UUID]) -> Mapping[UUID, PairingView]:
    return {}


class Reply:
    """A status and a decoded body."""

    def __init__(self, status: int, raw: bytes, body: Any) -> None:
        self.status = status
        self.raw = raw
        self.body = body

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a problem."""
        return self.status, self.body["code"]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class Client:
    """Someone with a token."""

    def __init__(self, shop: Shop, user_id: UUID, token: str | None) -> None:
        self.shop = shop
        self.id = user_id
        self._token = token

    async def request(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] = {}
    ) -> Reply:
        """One call; fails after 10 seconds."""
        auth = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        with trio.fail_after(10):
            answer = await self.shop.app.test_client().open(
                path, method=method, json=json, headers={**auth, **headers}
            )
            raw: bytes = await answer.get_data(as_text=False)
            return Reply(answer.status_code, raw, await answer.get_json())

    async def sends(self, path: str, raw: bytes, content_type: str) -> Reply:
        """A body as it is."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        with trio.fail_after(10):
            answer = await self.shop.app.test_client().post(path, data=raw, headers=headers)
            body: bytes = await answer.get_data(as_text=False)
            return Reply(answer.status_code, body, await answer.get_json())

    async def get(self, path: str) -> Reply:
        return await self.request("GET", path)

    async def post(self, path: str, json: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("POST", path, json, named)

    async def buys(self, tier: str = "chat_12", **more: Any) -> Reply:
        """Ask to pay."""
        return await self.post("/api/client/payment-requests", {"tier_id": tier, **more})

    async def confirms(self, payment: Reply) -> Reply:
        return await self.post(f"/api/client/payment-requests/{payment['id']}/confirm")

    async def cancels(self, payment: Reply) -> Reply:
        return await self.post(f"/api/client/payment-requests/{payment['id']}/cancel")

    async def sees(self, payment: Reply) -> Reply:
        return await self.get(f"/api/client/payment-requests/{payment['id']}")

    async def pays(self, tier: str = "chat_12", **more: Any) -> Reply:
        """Ask and confirm."""
        return await self.confirms(await self.buys(tier, **more))
