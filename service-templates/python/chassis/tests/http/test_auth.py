"""Tokens: who gets in, and above all who does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chassis.http.auth import KEYS_FRESH, KEYS_PAUSE, KeySet, TokenAuthenticator, rsa_keys
from chassis.http.problem import Problem
from chassis.settings import Auth

AUTH = Auth(issuer="http://issuer.test", jwks_url="http://issuer.test/jwks", audience="tiny", production=False)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    return json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"} | more


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    standard = {"iss": AUTH.issuer, "aud": "tiny", "sub": "ada", "exp": now + 60, "scope": "a b", "kind": "user"}
    return {key: value for key, value in (standard | more).items() if value is not None}


def token(key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **more: Any) -> str:
    return "Bearer " + jwt.encode(claims(**more), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


class Issuer:
    """Counts how often its keys are fetched."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.fetched = 0
        self.down = False

    def __call__(self) -> bytes:
        self.fetched += 1
        if self.down:
            raise OSError("connection refused")
        return json.dumps({"keys": self.keys}).encode()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(jwk(KEY, "one"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def check(issuer: Issuer, clock: Clock) -> TokenAuthenticator:
    return TokenAuthenticator(AUTH, KeySet(issuer, clock))


def refused(call: Callable[[], Any], status: int = 401) -> Problem:
    with pytest.raises(Problem) as caught:
        call()
    assert caught.value.status == status
    return caught.value


def test_good_token(check: TokenAuthenticator, issuer: Issuer) -> None:
    for _ in range(3):
        caller = check(token())
        assert (caller.subject, caller.scopes, caller.kind) == ("ada", {"a", "b"}, "user")
    assert check(token(kind="service", aud=["other", "tiny"])).kind == "service"
    assert issuer.fetched == 1


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer a.b.c", "Bearer ..."]
)
def test_no_token(check: TokenAuthenticator, header: str | None) -> None:
    assert "www-authenticate" in refused(lambda: check(header)).headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "else"},
        {"aud": None},
        {"iss": "http://else.test"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"nbf": int(time.time()) + 600},
        {"sub": None},
        {"kind": None},
        {"kind": "root"},
        {"scope": ["a"]},
        {"key": OTHER},
        {"kid": "two"},
        {"kid": None},
        {"algorithm": "RS512"},
        {"algorithm": "PS256"},
    ],
)
def test_wrong_token(check: TokenAuthenticator, wrong: dict[str, Any]) -> None:
    refused(lambda: check(token(**wrong)))


def _part(content: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


def test_algorithm_is_not_the_tokens_choice(check: TokenAuthenticator) -> None:
    check(token())
    unsigned = b".".join((_part({"alg": "none", "kid": "one"}), _part(claims()), b"")).decode()
    refused(lambda: check(f"Bearer {unsigned}"))
    # the public key is public: as a shared secret it must verify nothing
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = b".".join((_part({"alg": "HS256", "kid": "one"}), _part(claims())))
    signature = base64.urlsafe_b64encode(hmac.digest(pem, signed, hashlib.sha256)).rstrip(b"=")
    refused(lambda: check(f"Bearer {(signed + b'.' + signature).decode()}"))


def test_keys_that_are_not_for_this_are_not_loaded() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    secret = {"kty": "oct", "k": "AAAA", "kid": "shared", "alg": "HS256"}
    private = jwk(KEY, "private") | {"d": "AQAB"}
    usable = rsa_keys(
        {
            "keys": [
                jwk(KEY, "good", alg="RS256"),
                jwk(KEY, "encryption", use="enc"),
                jwk(KEY, "other", alg="RS512"),
                jwk(short, "short"),
                secret,
                private,
            ]
        }
    )
    assert set(usable) == {"good"}


def test_rotation_is_followed_but_cannot_be_made_a_flood(
    check: TokenAuthenticator, issuer: Issuer, clock: Clock
) -> None:
    check(token())
    issuer.keys = [jwk(OTHER, "two")]
    refused(lambda: check(token(OTHER, "two")))  # within the pause after the first fetch
    assert issuer.fetched == 1
    clock.now += KEYS_PAUSE
    assert check(token(OTHER, "two")).subject == "ada"
    for number in range(20):
        refused(lambda number=number: check(token(OTHER, f"unknown-{number}")))
    assert issuer.fetched == 2
    refused(lambda: check(token()))  # the issuer withdrew the first key


def test_withdrawn_key_ends_when_keys_are_stale(check: TokenAuthenticator, issuer: Issuer, clock: Clock) -> None:
    check(token())
    issuer.keys = [jwk(OTHER, "two")]
    clock.now += KEYS_FRESH
    refused(lambda: check(token()))


def test_issuer_down(check: TokenAuthenticator, issuer: Issuer, clock: Clock) -> None:
    issuer.down = True
    assert refused(lambda: check(token()), 503).headers["retry-after"]
    issuer.down = False
    clock.now += KEYS_PAUSE
    check(token())
    issuer.down = True
    clock.now += KEYS_FRESH + 1
    assert check(token()).subject == "ada", "known keys hold while the issuer is away"


def test_development_token_is_refused_in_production(issuer: Issuer) -> None:
    production = Auth(issuer=AUTH.issuer, jwks_url=AUTH.jwks_url, audience="tiny", production=True)
    check = TokenAuthenticator(production, KeySet(issuer))
    assert check(token()).subject == "ada"
    refused(lambda: check(token(env="development")))
    assert TokenAuthenticator(AUTH, KeySet(issuer))(token(env="development")).subject == "ada"


def test_scopes_and_kind(check: TokenAuthenticator) -> None:
    caller = check(token())
    caller.need(("a",))
    caller.need(("a", "b"))
    refused(lambda: caller.need(("a", "c")), 403)
    refused(lambda: caller.need((), service=True), 403)
    check(token(kind="service")).need(("a",), service=True)
