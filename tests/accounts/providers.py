"""Google, Apple and Fazpass, as small servers speaking their HTTP protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import trio
from cryptography.hazmat.primitives.asymmetric import rsa
from hypercorn.config import Config
from hypercorn.trio import serve
from jwt.algorithms import RSAAlgorithm
from quart import request
from quart_trio import QuartTrio

from actors import Clock


@asynccontextmanager
async def served(app: QuartTrio) -> AsyncIterator[str]:
    """The app on a port of its own; its URL."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    async with trio.open_nursery() as nursery:
        (url,) = await nursery.start(serve, app, config)
        yield url
        nursery.cancel_scope.cancel()


class FakeProvider:
    """Signs ID tokens and serves the keys to check them with; rotates, fails, stalls."""

    def __init__(self, clock: Clock, issuer: str, audience: str) -> None:
        self.clock = clock
        self.issuer = issuer
        self.audience = audience
        self.fetches = 0
        self.status = 200
        self.cache_control = "public, max-age=3600"
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._newest = ""
        self.rotate()
        self.app = QuartTrio("provider")
        self.app.add_url_rule("/keys", "keys", self._serve)

    def rotate(self, *, forget: bool = True) -> None:
        """Sign with a new key from now on."""
        if forget:
            self._keys.clear()
        self._newest = f"key-{self.fetches}-{len(self._keys)}-{id(object())}"
        self._keys[self._newest] = rsa.generate_private_key(65537, 2048)

    def token(self, subject: object = "person-1", **changes: object) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "iat": now,
            "exp": now + 600,
            "email": "shared@example.org",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not ...}
        return self.sign(claims)

    def sign(self, claims: dict[str, Any]) -> str:
        encoder = jwt.PyJWS()
        payload = jwt.api_jwt.json.dumps(claims).encode()
        headers = {"kid": self._newest}
        return encoder.encode(payload, self._keys[self._newest], "RS256", headers)

    async def _serve(self) -> Any:
        self.fetches += 1
        keys = [
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": "RS256"}
            for name, key in self._keys.items()
        ]
        odd = [{"kty": "EC", "kid": "odd"}, {"kty": "RSA", "kid": "broken", "n": "?"}, 7]
        body = {"keys": [*odd, *keys]} if self.status == 200 else {"error": "later"}
        return body, self.status, {"Cache-Control": self.cache_control}


class FakeFazpass:
    """Takes codes; answers each try with the next of `answers`, then with success."""

    def __init__(self) -> None:
        self.answers: list[tuple[object, int]] = []
        self.seen: list[tuple[str | None, dict[str, Any]]] = []
        self.arrived, self.arrivals = trio.open_memory_channel[None](100)
        self.app = QuartTrio("fazpass")
        self.app.add_url_rule("/v1/otp/send", "send", self._send, methods=["POST"])

    async def _send(self) -> Any:
        self.seen.append((request.headers.get("Authorization"), await request.get_json()))
        self.arrived.send_nowait(None)
        if self.answers:
            return self.answers.pop(0)
        return {"status": True, "data": {"id": "otp-1"}}
