"""The HTTP interface of `Stock`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import (
    ADD_STOCK,
    ADD_STOCK_REFUSED,
    OPEN_STOCK,
    RETURN_STOCK,
    RETURN_STOCK_REFUSED,
    TAKE_STOCK,
    TAKE_STOCK_REFUSED,
)


def test_open_stock_is_accepted(client: ApiClient) -> None:
    response = client.post("/stocks", json=OPEN_STOCK)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "StockOpened"


def test_add_stock_is_accepted(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/add", json=ADD_STOCK)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "StockAdded"


def test_take_stock_is_accepted(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    key = client.post(f"/stocks/{key}/add", json=ADD_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/take", json=TAKE_STOCK)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "StockTaken"


def test_return_stock_is_accepted(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/return", json=RETURN_STOCK)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "StockReturned"


def test_add_stock_is_refused(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/add", json=ADD_STOCK_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_take_stock_is_refused(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    key = client.post(f"/stocks/{key}/add", json=ADD_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/take", json=TAKE_STOCK_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["rejection"] == "StockShort"
    assert type(client.published[-1]).__name__ == "StockShort"


def test_return_stock_is_refused(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/return", json=RETURN_STOCK_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_repeated_open_stock_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/stocks", json=OPEN_STOCK, idempotency_key="a-key")
    again = client.post("/stocks", json=OPEN_STOCK, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_open_stock_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/stocks", json=OPEN_STOCK, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_open_stock_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/stocks", json=OPEN_STOCK)
    assert response.status_code == 403
    assert client.published == []


def test_open_stock_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/stocks", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/sku" in pointers


def test_get_stock_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.get(f"/stocks/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["sku"] == key


def test_get_stock_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "nobody"
    response = client.get(f"/stocks/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
