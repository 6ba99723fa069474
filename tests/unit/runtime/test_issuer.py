import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from fleetgen.runtime.servers.issuer import Client, Issuer
from fleetgen.runtime.servers.web import Request

ADDRESS = "http://127.0.0.1:1"


def call(issuer: Issuer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    answer = issuer.handle(Request(method, tuple(path.split("/")), {}, headers, body))
    return answer.status, json.loads(answer.body)


def claims(issuer: Issuer, token: str) -> dict[str, Any]:
    """Verified as a service does: by the published key that the token names."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in call(issuer, "GET", "jwks.json")[1]["keys"]}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience="toy", issuer=ADDRESS)
    return found


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(ADDRESS, "toy", {"order": Client("secret", ("payment.read", "payment.write"))}, "mint")


def form(**fields: str) -> bytes:
    return urlencode({"grant_type": "client_credentials", **fields}).encode()


def test_a_service_gets_a_token_for_what_it_calls(issuer: Issuer) -> None:
    status, answer = call(issuer, "POST", "token", form(client_id="order", client_secret="secret"))
    assert status == 200
    found = claims(issuer, answer["access_token"])
    assert (found["sub"], found["kind"], found["env"]) == ("order", "service", "development")
    assert found["scope"] == "payment.read payment.write"
    assert found["exp"] > time.time()


def test_a_service_may_ask_for_less_and_not_for_more(issuer: Issuer) -> None:
    wish = {"client_id": "order", "client_secret": "secret"}
    answer = call(issuer, "POST", "token", form(**wish, scope="payment.read"))[1]
    assert claims(issuer, answer["access_token"])["scope"] == "payment.read"
    assert call(issuer, "POST", "token", form(**wish, scope="admin")) == (400, {"error": "invalid_scope"})


def test_credentials_may_come_in_the_header(issuer: Issuer) -> None:
    basic = base64.b64encode(b"order:secret").decode()
    assert call(issuer, "POST", "token", form(), authorization=f"Basic {basic}")[0] == 200
    assert call(issuer, "POST", "token", form(), authorization="Basic !!")[0] == 401


@pytest.mark.parametrize("wrong", [{"client_secret": "guess"}, {"client_id": "nobody"}, {"client_secret": ""}])
def test_wrong_credentials_get_nothing(issuer: Issuer, wrong: dict[str, str]) -> None:
    body = form(**{"client_id": "order", "client_secret": "secret", **wrong})
    assert call(issuer, "POST", "token", body) == (401, {"error": "invalid_client"})


def test_only_who_knows_the_fleets_secret_can_have_any_token(issuer: Issuer) -> None:
    wish = json.dumps({"subject": "ann", "scopes": ["admin"], "lifetime": 60}).encode()
    assert call(issuer, "POST", "mint", wish)[0] == 401
    assert call(issuer, "POST", "mint", wish, authorization="Bearer guess")[0] == 401
    status, answer = call(issuer, "POST", "mint", wish, authorization="Bearer mint")
    assert status == 200
    found = claims(issuer, answer["access_token"])
    assert (found["sub"], found["kind"], found["scope"], found["env"]) == ("ann", "user", "admin", "development")
    assert found["exp"] - found["iat"] == 60


def test_keys_are_made_at_each_start(issuer: Issuer) -> None:
    other = Issuer(ADDRESS, "toy", {}, "mint")
    (mine,), (theirs,) = (call(each, "GET", "jwks.json")[1]["keys"] for each in (issuer, other))
    assert mine["kid"] != theirs["kid"] and mine["n"] != theirs["n"]
    assert not {"d", "p", "q"} & mine.keys()


def test_the_description_names_keys_and_tokens(issuer: Issuer) -> None:
    found = call(issuer, "GET", ".well-known/openid-configuration")[1]
    assert (found["jwks_uri"], found["token_endpoint"]) == (f"{ADDRESS}/jwks.json", f"{ADDRESS}/token")
