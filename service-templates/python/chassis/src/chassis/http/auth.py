"""Tokens of callers: JSON Web Tokens signed with RS256 by the fleet's issuer, checked against its published keys.

The algorithm is fixed here and never taken from the token; only RSA keys for signing are loaded. So a token that names
`none`, or one that is signed with the public key as a shared secret, finds nothing to verify it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import urlopen

from chassis.http.problem import forbidden, unauthenticated

if TYPE_CHECKING:
    from chassis.settings import Auth

ALGORITHM = "RS256"
KEY_BITS_LEAST = 2048
LEEWAY = 10  # seconds of clock skew between issuer and service
KEYS_FRESH = 300.0  # seconds after which keys are fetched anew
KEYS_PAUSE = 5.0  # seconds at least between two fetches: unknown key ids must not become a flood at the issuer
FETCH_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the subject of the token, its scopes, and whether it is a user or a service."""

    subject: str
    scopes: frozenset[str]
    kind: str

    def need(self, scopes: tuple[str, ...], *, service: bool = False) -> None:
        """Raise a 403 problem unless the caller has all scopes, and is a service where only those are let in."""
        if service and self.kind != "service":
            raise forbidden("only services of the fleet may call this", scopes=scopes)
        if missing := sorted(set(scopes) - self.scopes):
            raise forbidden(f"the token lacks the scope {' '.join(missing)}", scopes=scopes)


class Authenticator(Protocol):
    """Knows a caller by the `Authorization` header, or raises a 401 problem."""

    def __call__(self, authorization: str | None) -> Caller:
        """The caller."""


class KeySetUnavailable(Exception):
    """The issuer's keys cannot be had right now."""


class KeySet:
    """The issuer's keys by id. A key id not seen before fetches them anew, so the issuer can rotate at any time."""

    def __init__(self, fetch: Callable[[], bytes], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, Any] = {}
        self._fetched = self._tried = float("-inf")

    @classmethod
    def at(cls, url: str) -> KeySet:
        """The keys published at this address."""

        def fetch() -> bytes:
            with urlopen(url, timeout=FETCH_TIMEOUT) as response:
                body: bytes = response.read(1 << 20)
            return body

        return cls(fetch)

    def find(self, kid: str) -> Any | None:
        """The public key with this id, or `None`."""
        now = self._monotonic()
        key = self._keys.get(kid)
        if key is not None and now - self._fetched < KEYS_FRESH:
            return key
        if not self._lock.acquire(blocking=key is None):
            return key  # stale, and somebody is fetching already
        try:
            if now - self._tried >= KEYS_PAUSE:
                self._refresh(now)
            key = self._keys.get(kid)
        finally:
            self._lock.release()
        if key is None and not self._keys:
            raise KeySetUnavailable("the issuer's keys could not be fetched")
        return key

    def _refresh(self, now: float) -> None:
        """Fetch; when that fails, known keys stay good: an issuer that is down must not stop the fleet."""
        self._tried = now
        try:
            self._keys = rsa_keys(json.loads(self._fetch()))
            self._fetched = now
        except (OSError, ValueError):
            return


def rsa_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    """The usable keys of a JWKS document by id: RSA, long enough, for RS256 signatures."""
    from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415 - a tenth of a second that the start need not pay

    usable: dict[str, Any] = {}
    for jwk in document.get("keys", ()):
        fits = jwk.get("kty") == "RSA" and jwk.get("use", "sig") == "sig" and jwk.get("alg", ALGORITHM) == ALGORITHM
        if fits and isinstance(jwk.get("kid"), str) and "d" not in jwk:
            key = RSAAlgorithm.from_jwk(jwk)
            if key.key_size >= KEY_BITS_LEAST:
                usable[jwk["kid"]] = key
    return usable


class TokenAuthenticator:
    """Checks signature, issuer, audience, times and kind of a bearer token."""

    def __init__(self, auth: Auth, keys: KeySet) -> None:
        self._auth = auth
        self._keys = keys

    def __call__(self, authorization: str | None) -> Caller:
        """The caller, or a 401 problem."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthenticated("send a bearer token")
        claims = self._verified(token.strip())
        if self._auth.production and claims.get("env") == "development":
            raise _invalid("a development token is not accepted in production")
        kind, scope = claims.get("kind"), claims.get("scope", "")
        if kind not in ("user", "service") or not isinstance(scope, str):
            raise _invalid("the token lacks a kind, or its scope is not text")
        return Caller(claims["sub"], frozenset(scope.split()), kind)

    def _verified(self, token: str) -> dict[str, Any]:
        import jwt  # noqa: PLC0415 - see above

        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._keys.find(kid) if isinstance(kid, str) else None
            if key is None:
                raise _invalid("the token is signed with an unknown key")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._auth.audience,
                issuer=self._auth.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _invalid("the token has expired") from None
        except jwt.InvalidTokenError:
            # no particulars: they help only who forges tokens
            raise _invalid("the token is not valid") from None
        except KeySetUnavailable:
            raise _unavailable() from None
        return claims


def _invalid(detail: str) -> Exception:
    return unauthenticated(detail, error="invalid_token")


def _unavailable() -> Exception:
    from chassis.http.problem import Problem  # noqa: PLC0415

    return Problem(503, "unavailable", "Tokens cannot be checked right now", headers={"retry-after": "5"})
