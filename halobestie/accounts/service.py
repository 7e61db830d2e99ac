"""Accounts as one thing: made from its ports, started, kept, and asked by handlers."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
import trio

from actors import ActorError, Clock, Unavailable
from halobestie.accounts.audit import Audit
from halobestie.accounts.customers import Customers
from halobestie.accounts.devices import Devices
from halobestie.accounts.hashing import PASSWORD_COST, REFRESH_COST, Hasher
from halobestie.accounts.limits import Budget, Limiter
from halobestie.accounts.messages import Ports, TokenAnswer, User
from halobestie.accounts.mitras import Mitras
from halobestie.accounts.operators import Operators
from halobestie.accounts.otp import CodeSender, Otp
from halobestie.accounts.revocations import Revocations
from halobestie.accounts.sessions import AuthSessions, Pair
from halobestie.accounts.social import APPLE, GOOGLE, IdTokens, Keys
from halobestie.accounts.store import OperatorRow, session_sql
from halobestie.accounts.tokens import AccessTokens, RefreshTokens
from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Valkey
from halobestie.callers import Caller, UserType
from halobestie.errors import Forbidden
from halobestie.knobs.messages import CurrentKnobs
from halobestie.settings import Settings

FAREWELLS_EVERY: Final = 60.0  # seconds
TIDY_EVERY: Final = 60  # rounds of farewells
# Revoked and expired sessions answer `refresh_invalid` either way; a month is for support.
KEEP_OLD_SESSIONS: Final = timedelta(days=30)
KEEP_OLD_CODES: Final = timedelta(days=1)

_APP_USERS: tuple[UserType, ...] = ("customer", "mitra")

_log = structlog.get_logger("halobestie.accounts")


class Accounts:
    """Everything about who may do what, for one node."""

    def __init__(
        self,
        *,
        db: Database,
        valkey: Valkey,
        clock: Clock,
        settings: Settings,
        knobs: CurrentKnobs,
        ports: Ports,
        sender: CodeSender,
        google_keys: Keys,
        apple_keys: Keys,
        password_cost: int = PASSWORD_COST,
    ) -> None:
        if settings.auth_jwt_secret is None:
            raise ValueError("accounts need AUTH_JWT_SECRET, given or generated")
        secret = settings.auth_jwt_secret.reveal()
        self.ports = ports
        self._db = db
        self._clock = clock
        self._settings = settings
        self._knobs = knobs
        self.limiter = Limiter(valkey, clock)
        self._revocations = Revocations(db, valkey, clock, ports)
        self.sessions = AuthSessions(
            db,
            AccessTokens(secret, clock),
            RefreshTokens(secret),
            Hasher(REFRESH_COST),
            self._revocations,
            self.limiter,
            clock,
        )
        self.customers = Customers(db, self.sessions, ports, clock)
        self.mitras = Mitras(db, self.sessions, ports, clock)
        self.operators = Operators(db, self.sessions, Hasher(password_cost), self.limiter, clock)
        self.devices = Devices(db, clock)
        self.audit = Audit(db)
        self.google = IdTokens(GOOGLE, settings.google_client_ids, google_keys, clock)
        self.apple = IdTokens(APPLE, settings.apple_client_ids, apple_keys, clock)
        self.otp = Otp(
            db,
            self.limiter,
            sender,
            clock,
            secret=secret,
            cooldown_seconds=settings.otp_cooldown_seconds,
            limit_addresses=settings.production,
        )

    async def start(self) -> bool:
        """What a first start needs: the first admin, and in development three mitras.

        Whether the first admin was made by this very start (then its password, if it was
        generated, is to be printed). Before the listeners, and on every node.
        """
        if not self._settings.production:
            await self.mitras.seed()
        password = self._settings.cc_admin_password
        if password is None:
            return False
        email = self._settings.cc_admin_email
        return await self.operators.add_first_admin(email, password.reveal())

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the revocation list and the house in order until cancelled.

        Started once the list is complete: before that no request may be let in.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self._revocations.run)
            nursery.start_soon(self._keep_house)
            task_status.started()

    def authenticate(self, access_token: str) -> Caller:
        """Whose access token it is; no query. Unauthenticated otherwise."""
        return self.sessions.check(access_token)

    async def sign_up_anonymously(self, display_name: str | None, address: str) -> TokenAnswer:
        """Forbidden `anonymous_disabled`; TooMany for the address."""
        if not self._knobs.current.anonymous_customers_enabled:
            raise Forbidden("anonymous_disabled", "An account is needed.")
        if most := self._settings.anonymous_signups_per_minute:
            await self.limiter.take(Budget("anonymous", most, 60.0), address)
        customer = await self.customers.add_anonymous(display_name)
        return await self.sign_in(customer.user)

    async def sign_in(self, user: User) -> TokenAnswer:
        """A new auth session for a user who has proved who they are."""
        return answer(await self.sessions.open(user.user_type, user.id), user)

    async def carry_on(self, caller: Caller, user: User) -> TokenAnswer:
        """New tokens of the caller's own auth session: sockets and devices stay with it."""
        return answer(self.sessions.pair_of(await self.sessions.renew(caller.session_id)), user)

    async def refresh(self, refresh_token: str) -> TokenAnswer:
        """The next pair of an app's auth session."""
        session = await self.sessions.refresh(refresh_token, _APP_USERS)
        user = await self._user(session.user_type, session.user_id)
        return answer(self.sessions.pair_of(session), user)

    async def refresh_operator(self, refresh_token: str) -> tuple[Pair, OperatorRow]:
        """The next pair of a control-center user's auth session."""
        session = await self.sessions.refresh(refresh_token, ("cc_user",))
        operator = await self.operators.find(session.user_id)
        return self.sessions.pair_of(session, operator.role), operator

    async def me(self, caller: Caller) -> User:
        """The caller as they see themselves. NotFound if they are gone."""
        return await self._user(caller.user_type, caller.id)

    async def sign_out(self, caller: Caller) -> None:
        """End the caller's auth session everywhere."""
        await self.sessions.revoke(caller.session_id, "logout")
        if caller.user_type == "mitra":
            try:
                await self.ports.mitra_signed_out(caller.id)
            except ActorError as error:
                # Signed out they are; without heartbeats presence finds out by itself.
                _log.warning("sign-out not told", error=type(error).__name__)

    async def _user(self, user_type: UserType, user_id: UUID) -> User:
        if user_type == "mitra":
            return (await self.mitras.find(user_id)).user
        return (await self.customers.find(user_id)).user

    async def _keep_house(self) -> None:
        rounds = 0
        while True:
            try:
                await self.customers.say_farewells()
                if rounds % TIDY_EVERY == 0:
                    await self._tidy()
            except Unavailable:
                _log.info("accounts housekeeping put off")
            rounds += 1
            await trio.sleep(FAREWELLS_EVERY)

    async def _tidy(self) -> None:
        now = self._clock.now()
        await self._db.run(session_sql.forget_old_sessions, before=now - KEEP_OLD_SESSIONS)
        await self._db.run(session_sql.forget_old_challenges, before=now - KEEP_OLD_CODES)


def answer(pair: Pair, user: User) -> TokenAnswer:
    """The contract's token answer."""
    return TokenAnswer(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
        user=user,
    )
