"""Firebase Cloud Messaging, HTTP v1, with our own OAuth exchange.

An access token is fetched when it is first needed and a few minutes before it ends, once,
however many sends wait for it. What an error means is read from its `FcmError` detail,
not from the status alone: a 404 without one is a wrong project, not a dead token. Nothing
is logged but codes: bodies and headers carry tokens.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
import structlog
import trio

from actors import Clock
from halobestie.push.ports import DeadToken, Delivered, Fate, OurMistake, TryLater
from halobestie.settings import SettingsError

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CALL_WITHIN = 8.0  # seconds for one request and its answer
ASSERTION_SECONDS = 3600
RENEW_BEFORE = 225.0  # seconds before its end that a token is renewed
QUOTA_WAIT = 60.0  # seconds, where a 429 does not say

log = structlog.get_logger("halobestie.fcm")


class BadServiceAccount(Exception):
    """One line: why the service account file cannot be used. Never its content."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """What we need of Google's JSON file."""

    project_id: str
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"

    def __repr__(self) -> str:
        return "ServiceAccount(…)"


def read_service_account(path: Path) -> ServiceAccount:
    """Raises BadServiceAccount."""
    try:
        account = msgspec.json.decode(path.read_bytes(), type=ServiceAccount)
        jwt.encode({}, account.private_key, algorithm="RS256")
    except OSError as error:
        raise BadServiceAccount(f"cannot be read: {type(error).__name__}") from None
    except msgspec.DecodeError:
        raise BadServiceAccount("is no service account file") from None
    except (ValueError, TypeError, jwt.PyJWTError):
        raise BadServiceAccount("holds no usable private key") from None
    return account


class _NoToken(Exception):
    """The exchange failed; `later` says how."""

    def __init__(self, later: TryLater) -> None:
        self.later = later


class _Tokens:
    """Access tokens by the JWT bearer grant. Single-flight."""

    def __init__(self, account: ServiceAccount, http: httpx.AsyncClient, clock: Clock) -> None:
        self._account = account
        self._http = http
        self._clock = clock
        self._lock = trio.Lock()
        self._token: str | None = None
        self._good_until = 0.0  # trio time

    async def current(self, *, not_this: str | None = None) -> str:
        """A token that is good for some minutes, and not the one that was just refused."""
        async with self._lock:
            stale = trio.current_time() >= self._good_until
            if self._token is None or stale or self._token == not_this:
                self._token = None
                self._token = await self._fetch()
            return self._token

    async def _fetch(self) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._account.client_email,
            "scope": SCOPE,
            "aud": self._account.token_uri,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        assertion = jwt.encode(claims, self._account.private_key, algorithm="RS256")
        form = {"grant_type": GRANT, "assertion": assertion}
        try:
            with trio.fail_after(CALL_WITHIN):
                answer = await self._http.post(self._account.token_uri, data=form)
            if not answer.is_success:
                broken = answer.status_code in (400, 401, 403)
                code = f"oauth_{answer.status_code}"
                raise _NoToken(TryLater(code, _retry_after(answer), everybody=True, alert=broken))
            body = answer.json()
            token, seconds = str(body["access_token"]), float(body.get("expires_in", 3600))
        except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
            raise _NoToken(TryLater(f"oauth_{type(error).__name__}", everybody=True)) from None
        except (ValueError, KeyError, TypeError):
            raise _NoToken(TryLater("oauth_no_token", everybody=True)) from None
        self._good_until = trio.current_time() + max(0.0, seconds - RENEW_BEFORE)
        return token


class FcmCourier:
    """See `push.ports.Courier`. One per node."""

    def __init__(
        self, account: ServiceAccount, base_url: str, http: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._url = f"{base_url}/v1/projects/{account.project_id}/messages:send"
        self._http = http
        self._tokens = _Tokens(account, http, clock)

    async def send(self, message: Mapping[str, Any]) -> Fate:
        """One message to one phone."""
        try:
            token = await self._tokens.current()
            answer = await self._post(message, token)
            if answer.status_code == 401 and _error_code(answer) in ("UNAUTHENTICATED", None):
                token = await self._tokens.current(not_this=token)
                answer = await self._post(message, token)
        except _NoToken as none:
            return none.later
        except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
            return TryLater(type(error).__name__)
        return classify(answer)

    async def _post(self, message: Mapping[str, Any], token: str) -> httpx.Response:
        with trio.fail_after(CALL_WITHIN):
            return await self._http.post(
                self._url,
                json={"message": message},
                headers={"Authorization": f"Bearer {token}"},
            )


def fcm_courier(
    path: Path | None, base_url: str, http: httpx.AsyncClient, clock: Clock
) -> FcmCourier | None:
    """The courier of the service account at `path`; None without one. SettingsError."""
    if path is None:
        return None
    try:
        account = read_service_account(path)
    except BadServiceAccount as wrong:
        raise SettingsError(f"FIREBASE_SERVICE_ACCOUNT_PATH {wrong}") from None
    return FcmCourier(account, base_url, http, clock)


def classify(answer: httpx.Response) -> Fate:
    """What FCM's answer means for the push and for its token."""
    if answer.is_success:
        try:
            return Delivered(str(answer.json()["name"])[:200])
        except (ValueError, KeyError, TypeError):
            return TryLater("no_name")
    code, status = _error_code(answer), answer.status_code
    match code, status:
        case "UNREGISTERED", _:
            return DeadToken("UNREGISTERED")
        case "SENDER_ID_MISMATCH", _:
            return DeadToken("SENDER_ID_MISMATCH", alert=True)
        case (("THIRD_PARTY_AUTH_ERROR" | "APNS_AUTH_ERROR"), _):
            return TryLater("THIRD_PARTY_AUTH_ERROR", alert=True)
        case "QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED", _:
            return TryLater("QUOTA_EXCEEDED", _retry_after(answer) or QUOTA_WAIT, everybody=True)
        case "INVALID_ARGUMENT", _ if _names_the_token(answer):
            return DeadToken("INVALID_ARGUMENT")
        case _, 401 | 403:
            return TryLater(code or str(status), everybody=True, alert=True)
        case _, 429:
            return TryLater("QUOTA_EXCEEDED", _retry_after(answer) or QUOTA_WAIT, everybody=True)
        case _, 400 | 404 | 413:
            return OurMistake(code or str(status))
        case _:
            return TryLater(code or str(status), _retry_after(answer))


def _error(answer: httpx.Response) -> dict[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _details(answer: httpx.Response) -> list[dict[str, Any]]:
    details = _error(answer).get("details")
    found = details if isinstance(details, list) else []
    return [detail for detail in found if isinstance(detail, dict)]


def _error_code(answer: httpx.Response) -> str | None:
    """FCM's own code; else the general status; None for an answer that is none of Google's."""
    for detail in _details(answer):
        if str(detail.get("@type", "")).endswith("google.firebase.fcm.v1.FcmError"):
            return str(detail.get("errorCode"))[:60]
    status = _error(answer).get("status")
    return None if status is None else str(status)[:60]


def _names_the_token(answer: httpx.Response) -> bool:
    """Whether it is the token that is invalid, and not our message."""
    fields = [
        str(violation.get("field", ""))
        for detail in _details(answer)
        for violation in detail.get("fieldViolations") or ()
        if isinstance(violation, dict)
    ]
    if fields:
        return any(field in ("message.token", "token") for field in fields)
    return "registration token" in str(_error(answer).get("message", "")).lower()


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return min(3600.0, max(0.0, float(answer.headers["Retry-After"])))
    except (KeyError, ValueError):
        return None
