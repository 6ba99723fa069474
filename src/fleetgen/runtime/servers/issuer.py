"""An issuer of tokens for development only: its keys live as long as its process, and every token says `development`.

A service that runs in production refuses such tokens by that claim, whatever their signature.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from fleetgen.runtime.servers.web import Answer, Request, json_answer

LIFETIME = 3600
MOST_LIFETIME = 30 * 24 * 3600


@dataclass(frozen=True)
class Client:
    """A service that may ask for a token of its own."""

    secret: str
    scopes: tuple[str, ...]


class Issuer:
    """`/jwks.json`, `/token` for services, `/mint` for `fleetgen token`, and the document that says where they are."""

    def __init__(self, address: str, audience: str, clients: dict[str, Client], mint_secret: str) -> None:
        """Make the keys."""
        self._address, self._audience, self._clients, self._mint_secret = address, audience, clients, mint_secret
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = uuid.uuid4().hex[:16]

    def handle(self, request: Request) -> Answer:
        """One call."""
        match (request.method, *request.path):
            case ("GET", ".well-known", "openid-configuration"):
                return json_answer(self._description())
            case ("GET", "jwks.json"):
                return json_answer({"keys": [self._public()]})
            case ("POST", "token"):
                return self._for_service(request)
            case ("POST", "mint"):
                return self._for_person(request)
        return json_answer({"error": "not_found"}, 404)

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self._address,
            "jwks_uri": f"{self._address}/jwks.json",
            "token_endpoint": f"{self._address}/token",
            "grant_types_supported": ["client_credentials"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
            "response_types_supported": ["token"],
        }

    def _public(self) -> dict[str, Any]:
        key: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {**key, "kid": self._key_id, "use": "sig", "alg": "RS256"}

    def _for_service(self, request: Request) -> Answer:
        form = request.form()
        if form.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        name, secret = _credentials(request, form)
        client = self._clients.get(name)
        if client is None or not hmac.compare_digest(secret.encode(), client.secret.encode()):
            return json_answer({"error": "invalid_client"}, 401)
        wished = tuple(form.get("scope", "").split()) or client.scopes
        if not set(wished) <= set(client.scopes):
            return json_answer({"error": "invalid_scope"}, 400)
        return self._issue(name, wished, "service", LIFETIME)

    def _for_person(self, request: Request) -> Answer:
        """Only who can read the fleet's secrets may have any token."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._mint_secret.encode()):
            return json_answer({"error": "invalid_token"}, 401)
        wish = request.json()
        kind = wish.get("kind", "user")
        lifetime = int(wish.get("lifetime", LIFETIME))
        if kind not in ("user", "service") or not 0 < lifetime <= MOST_LIFETIME:
            return json_answer({"error": "invalid_request"}, 400)
        return self._issue(str(wish["subject"]), tuple(wish.get("scopes", ())), kind, lifetime)

    def _issue(self, subject: str, scopes: tuple[str, ...], kind: str, lifetime: int) -> Answer:
        now = int(time.time())
        claims = {
            "iss": self._address,
            "aud": self._audience,
            "sub": subject,
            "scope": " ".join(scopes),
            "kind": kind,
            "env": "development",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": uuid.uuid4().hex,
        }
        token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})
        content = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": claims["scope"]}
        return json_answer(content)


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """From the form, or from basic authentication."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret
    return form.get("client_id", ""), form.get("client_secret", "")
