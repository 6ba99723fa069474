"""The HTTP interface of `Order`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import CANCEL_ORDER, CONFIRM_ORDER, PLACE_ORDER, PLACE_ORDER_REFUSED


def test_place_order_is_accepted(client: ApiClient) -> None:
    response = client.post("/orders", json=PLACE_ORDER)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "OrderPlaced"


def test_confirm_order_is_accepted(client: ApiClient) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    response = client.post(f"/orders/{key}/confirm", json=CONFIRM_ORDER)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "OrderConfirmed"


def test_cancel_order_is_accepted(client: ApiClient) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    response = client.post(f"/orders/{key}/cancel", json=CANCEL_ORDER)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "OrderCancelled"


def test_place_order_is_refused(client: ApiClient) -> None:
    response = client.post("/orders", json=PLACE_ORDER_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_repeated_place_order_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/orders", json=PLACE_ORDER, idempotency_key="a-key")
    again = client.post("/orders", json=PLACE_ORDER, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_place_order_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/orders", json=PLACE_ORDER, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_place_order_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/orders", json=PLACE_ORDER)
    assert response.status_code == 403
    assert client.published == []


def test_place_order_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/orders", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/customerId" in pointers


def test_get_order_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    response = client.get(f"/orders/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["id"] == key
    assert shown["customerId"] == PLACE_ORDER["customerId"]
    assert shown["lines"] == PLACE_ORDER["lines"]
    assert shown["total"] == PLACE_ORDER["total"]
    assert shown["address"] == PLACE_ORDER["address"]
    assert shown["state"] == "placed"


def test_get_order_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    response = client.get(f"/orders/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_search_orders_gives_page_after_page(client: ApiClient) -> None:
    assert client.post("/orders", json=PLACE_ORDER).is_success
    assert client.post("/orders", json=PLACE_ORDER).is_success
    first = client.get("/orders", limit=1).json()
    last = client.get("/orders", limit=1, after=first["next"]).json()
    assert len(first["items"]) == len(last["items"]) == 1
    assert last["items"] != first["items"]
    assert last["next"] is None
