"""The interface as a caller sees it, on the in-memory client that generated services use for their own tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.testing import ApiClient, MemoryRepository
from tiny_service import Order, OrderConfirmed, OrderDeclined, OrderPlaced, tiny_service

CUSTOMER = "0197a0c0-0000-7000-8000-00000000000a"


def placing(**more: Any) -> dict[str, Any]:
    price = {"amount": 1200, "currency": "EUR"}
    return {"customerId": CUSTOMER, "quantity": 2, "price": price, "email": "a@example.com"} | more


@pytest.fixture
def orders() -> MemoryRepository[Order]:
    return MemoryRepository(key="order_id")


@pytest.fixture
def client(orders: MemoryRepository[Order]) -> ApiClient:
    return ApiClient(tiny_service(orders))


def problem(response: Any, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content = response.json()
    assert content["status"] == status
    assert content["type"].endswith(f"/{kind}")
    assert content["title"]
    return content


def test_new_command_answers_201_with_event_and_location(client: ApiClient) -> None:
    response = client.post("/orders", placing(), headers={"x-correlation-id": "checkout-7"})
    assert response.status_code == 201, response.text
    body = response.json()
    assert body["event"] == "OrderPlaced"
    assert body["data"]["price"] == {"amount": 1200, "currency": "EUR"}
    assert response.headers["x-correlation-id"] == "checkout-7"
    assert response.headers["location"] == f"/orders/{body['data']['orderId']}"
    (event,) = client.published
    assert isinstance(event, OrderPlaced)
    assert client.get(response.headers["location"]).json() == {
        "orderId": body["data"]["orderId"],
        "customerId": CUSTOMER,
        "quantity": 2,
        "state": "placed",
    }


def test_existing_command_takes_its_key_from_the_path(client: ApiClient) -> None:
    order = client.post("/orders", placing()).json()["data"]["orderId"]
    response = client.post(f"/orders/{order}/confirm")
    assert response.status_code == 200
    assert response.json() == {"event": "OrderConfirmed", "data": {"orderId": order, "customerId": CUSTOMER}}
    assert client.published[-1] == OrderConfirmed(order_id=UUID(order), customer_id=UUID(CUSTOMER))
    refused = problem(client.post(f"/orders/{order}/confirm"), 409, "illegal-state")
    assert (refused["state"], refused["allowed"]) == ("confirmed", ["placed"])


def test_rejection_is_a_committed_problem(client: ApiClient, orders: MemoryRepository[Order]) -> None:
    refused = problem(client.post("/orders", placing(quantity=100)), 409, "rejected")
    assert refused["rejection"] == "OrderDeclined"
    assert refused["data"]["customerId"] == CUSTOMER
    assert isinstance(client.published[0], OrderDeclined)
    assert len(orders) == 1


def test_every_fault_is_pointed_at(client: ApiClient) -> None:
    faulty = {"customerId": "me", "quantity": "two", "price": {"amount": 1.5, "currency": "EUR"}}
    errors = problem(client.post("/orders", faulty), 422, "invalid")["errors"]
    assert {error["pointer"] for error in errors} == {"/customerId", "/quantity", "/price", "/email"}
    assert all(error["detail"] for error in errors)
    assert client.published == []


def test_unknown_member_is_pointed_at(client: ApiClient) -> None:
    errors = problem(client.post("/orders", placing(**{"a/b~c": 1})), 422, "invalid")["errors"]
    assert [error["pointer"] for error in errors] == ["/a~1b~0c"]


def test_key_in_body_must_be_that_of_the_path(client: ApiClient) -> None:
    order = client.post("/orders", placing()).json()["data"]["orderId"]
    assert client.post(f"/orders/{order}/confirm", {"orderId": order}).status_code == 200
    errors = problem(client.post(f"/orders/{order}/confirm", {"orderId": CUSTOMER}), 422, "invalid")["errors"]
    assert errors[0]["pointer"] == "/orderId"


def test_unknown_aggregate_is_404(client: ApiClient) -> None:
    problem(client.get(f"/orders/{CUSTOMER}"), 404, "not-found")
    problem(client.post(f"/orders/{CUSTOMER}/confirm"), 404, "not-found")


def test_broken_invariant_is_409_and_leaves_nothing(client: ApiClient, orders: MemoryRepository[Order]) -> None:
    assert problem(client.post("/orders", placing(quantity=0)), 409, "invariant")["detail"] == "quantity > 0"
    assert (len(orders), client.published) == (0, [])


def test_bug_is_500_and_says_nothing_of_it(client: ApiClient) -> None:
    content = problem(client.post("/orders", placing(quantity=1000)), 500, "internal")
    assert "example.com" not in str(content)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"quantity": NaN}', "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"quantity=1", "application/x-www-form-urlencoded", 415),
        (b" " * (1 << 20) + b"{}", "application/json", 413),
    ],
)
def test_body_that_is_no_message(client: ApiClient, body: bytes, content_type: str, status: int) -> None:
    headers = {"content-type": content_type, "idempotency-key": "k"}
    response = client.request("POST", "/orders", content=body, headers=headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_unannounced_length_is_limited_too(client: ApiClient) -> None:
    chunks = (b" " * 65_536 for _ in range(32))
    headers = {"content-type": "application/json", "idempotency-key": "k"}
    assert client.request("POST", "/orders", content=chunks, headers=headers).status_code == 413


def test_idempotency_key_is_required(client: ApiClient) -> None:
    problem(client.post("/orders", placing(), idempotency_key=None), 400, "idempotency-key")
    problem(client.post("/orders", placing(), idempotency_key="x" * 256), 400, "idempotency-key")


def test_same_key_gives_the_same_answer(client: ApiClient) -> None:
    first = client.post("/orders", placing(), idempotency_key="k", headers={"x-correlation-id": "one"})
    again = client.post("/orders", placing(), idempotency_key="k", headers={"x-correlation-id": "two"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-correlation-id"] == "one", "the transaction that the answer belongs to"
    assert "idempotent-replayed" not in first.headers
    assert len(client.published) == 1
    problem(client.post("/orders", placing(quantity=3), idempotency_key="k"), 422, "idempotency-key-reused")
    other = client.acting_as(caller="else", scopes=["order.write"])
    assert other.post("/orders", placing(quantity=3), idempotency_key="k").status_code == 201


def test_rejection_is_replayed(client: ApiClient) -> None:
    first = client.post("/orders", placing(quantity=100), idempotency_key="k")
    again = client.post("/orders", placing(quantity=100), idempotency_key="k")
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["content-type"] == "application/problem+json"


def test_what_failed_can_be_tried_again_with_its_key(client: ApiClient) -> None:
    assert client.post("/orders", placing(quantity=0), idempotency_key="k").status_code == 409
    assert client.post("/orders", placing(quantity=1), idempotency_key="k").status_code == 201


def test_token_scope_and_kind_are_needed(client: ApiClient) -> None:
    problem(client.request("GET", "/orders", headers={"authorization": ""}), 401, "unauthenticated")
    reader = client.acting_as(scopes=["order.read"])
    assert reader.get("/orders").status_code == 200
    refused = reader.post("/orders", placing())
    problem(refused, 403, "forbidden")
    assert 'scope="order.write"' in refused.headers["www-authenticate"]
    user = client.acting_as(kind="user")
    order = user.post("/orders", placing()).json()["data"]["orderId"]
    problem(user.post(f"/orders/{order}/confirm"), 403, "forbidden")
    assert client.post(f"/orders/{order}/confirm").status_code == 200


def test_search_pages_and_filters(client: ApiClient) -> None:
    for quantity in (1, 2, 1, 2, 1):
        client.post("/orders", placing(quantity=quantity))
    first = client.get("/orders", quantity=1, limit=2).json()
    assert [item["quantity"] for item in first["items"]] == [1, 1]
    last = client.get("/orders", quantity=1, limit=2, after=first["next"]).json()
    assert (len(last["items"]), last["next"]) == (1, None)
    assert len(client.get("/orders", customerId=CUSTOMER).json()["items"]) == 5


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "201"}, "/limit"),
        ({"limit": "9" * 5000}, "/limit"),
        ({"quantity": "one"}, "/quantity"),
        ({"customerId": "me"}, "/customerId"),
        ({"colour": "red"}, "/colour"),
        ({"quantity": ["1", "2"]}, "/quantity"),
    ],
)
def test_search_parameter_that_makes_no_sense(client: ApiClient, parameters: dict[str, Any], pointer: str) -> None:
    errors = problem(client.get("/orders", **parameters), 422, "invalid")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


def test_no_route_is_a_problem_too(client: ApiClient) -> None:
    problem(client.get("/nothing"), 404, "not-found")
    response = client.request("DELETE", "/orders")
    problem(response, 405, "method")
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert response.headers["x-correlation-id"]


def test_deadline(client: ApiClient) -> None:
    problem(client.post("/orders", placing(), headers={"x-deadline-ms": "0"}), 504, "deadline")
    problem(client.post("/orders", placing(), headers={"x-deadline-ms": "soon"}), 400, "deadline-malformed")
    assert client.published == []
    assert client.post("/orders", placing(), headers={"x-deadline-ms": "5000"}).status_code == 201


@pytest.mark.parametrize("given", ["", "x" * 129, "a\tb", "é"])
def test_unusable_correlation_id_is_replaced(client: ApiClient, given: str) -> None:
    answer = client.post("/orders", placing(), headers={"x-correlation-id": given.encode("utf-8")})  # type: ignore[dict-item]
    assert UUID(answer.headers["x-correlation-id"]).version == 7
