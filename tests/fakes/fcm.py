"""Pretends to be Google: the OAuth token endpoint and FCM HTTP v1, with every bad day.

    async with fake_fcm(folder) as google:
        google.answers_with(unavailable(), times=2)
        google.dead.add("a token")
        … FIREBASE_SERVICE_ACCOUNT_PATH=google.account_path, FCM_BASE_URL=google.url

It checks what a real one would: the assertion's signature, audience, scope and times, the
bearer, and that all data are strings.
"""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import request
from quart.wrappers import Response
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse

PROJECT = "halo-test"
EMAIL = "push@halo-test.example"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

Answer = tuple[int, dict[str, str], str]


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def error(
    status: int, name: str, code: str | None = None, *, field: str | None = None, **headers: str
) -> Answer:
    """A refusal as FCM writes it; header names with underscores."""
    details: list[dict[str, Any]] = []
    if code is not None:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if field is not None:
        kind = "type.googleapis.com/google.rpc.BadRequest"
        details.append({"@type": kind, "fieldViolations": [{"field": field}]})
    body = {"error": {"code": status, "message": "no", "status": name, "details": details}}
    return status, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body)


UNREGISTERED = error(404, "NOT_FOUND", "UNREGISTERED")
UNAVAILABLE = error(503, "UNAVAILABLE", "UNAVAILABLE")
HTML = 502, {"Content-Type": "text/html"}, "<html>Bad Gateway</html>"


class FakeFcm:
    """What was sent, and what is answered."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.account_path = folder / "service_account.json"
        self.sent: list[dict[str, Any]] = []  # what was accepted
        self.tried: list[dict[str, Any]] = []
        self.tokens_given = 0
        self.dead: set[str] = set()
        self.stalls = False
        """Never answers a send."""
        self._good_tokens: set[str] = set()
        self._answers: deque[Answer] = deque()
        self.app = QuartTrio("fake_fcm")
        self.app.post("/token")(self._token)
        self.app.post(f"/v1/projects/{PROJECT}/messages:send")(self._send)

    def answers_with(self, answer: Answer, times: int = 1) -> None:
        """The next sends are answered so."""
        self._answers.extend([answer] * times)

    def forgets_tokens(self) -> None:
        """Access tokens that were given are no longer good."""
        self._good_tokens.clear()

    def write_account(self) -> None:
        """The service account file, pointing here."""
        private = _key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "client_email": EMAIL,
            "private_key": private.decode(),
            "token_uri": f"{self.url}/token",
        }
        self.account_path.write_text(json.dumps(account))

    async def _token(self) -> Response:
        form = parse_qs((await request.get_data()).decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0],
            _key().public_key(),
            algorithms=["RS256"],
            audience=f"{self.url}/token",
            issuer=EMAIL,
            leeway=30,
        )
        assert claims["scope"] == SCOPE
        assert claims["exp"] - claims["iat"] <= 3600
        self.tokens_given += 1
        token = f"access-{self.tokens_given}"
        self._good_tokens.add(token)
        await trio.sleep(0.01)  # long enough for others to ask meanwhile
        return _json(200, {}, json.dumps({"access_token": token, "expires_in": 3599}))

    async def _send(self) -> Response:
        if request.headers["Authorization"].removeprefix("Bearer ") not in self._good_tokens:
            return _json(*error(401, "UNAUTHENTICATED"))
        message = (await request.get_json())["message"]
        assert all(isinstance(value, str) for value in message["data"].values())
        self.tried.append(message)
        if self.stalls:
            await trio.sleep_forever()
        if self._answers:
            return _json(*self._answers.popleft())
        if message["token"] in self.dead:
            return _json(*UNREGISTERED)
        self.sent.append(message)
        name = f"projects/{PROJECT}/messages/{len(self.sent)}"
        return _json(200, {}, json.dumps({"name": name}))


def _json(status: int, headers: dict[str, str], body: str) -> Response:
    return TrioResponse(
        body, status=status, headers={"Content-Type": "application/json", **headers}
    )


@asynccontextmanager
async def fake_fcm(folder: Path) -> AsyncIterator[FakeFcm]:
    """Google, for the length of a block."""
    fake = FakeFcm(folder)
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    async with trio.open_nursery() as nursery:
        (fake.url,) = await nursery.start(_serve, fake.app, config)
        fake.write_account()
        yield fake
        nursery.cancel_scope.cancel()


async def _serve(
    app: QuartTrio, config: Config, *, task_status: trio.TaskStatus[list[str]]
) -> None:
    await serve(app, config, shutdown_trigger=trio.sleep_forever, task_status=task_status)  # type: ignore[arg-type]
