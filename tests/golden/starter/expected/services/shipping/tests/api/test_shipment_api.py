"""The HTTP interface of `Shipment`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import CREATE_SHIPMENT, DISPATCH_SHIPMENT


def test_create_shipment_is_accepted(client: ApiClient) -> None:
    response = client.post("/shipments", json=CREATE_SHIPMENT)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "ShipmentCreated"


def test_dispatch_shipment_is_accepted(client: ApiClient) -> None:
    key = client.post("/shipments", json=CREATE_SHIPMENT).json()["data"]["shipmentId"]
    response = client.post(f"/shipments/{key}/dispatch", json=DISPATCH_SHIPMENT)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "ShipmentDispatched"


def test_a_repeated_create_shipment_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/shipments", json=CREATE_SHIPMENT, idempotency_key="a-key")
    again = client.post("/shipments", json=CREATE_SHIPMENT, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_create_shipment_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/shipments", json=CREATE_SHIPMENT, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_create_shipment_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/shipments", json=CREATE_SHIPMENT)
    assert response.status_code == 403
    assert client.published == []


def test_create_shipment_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/shipments", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/orderId" in pointers


def test_get_shipment_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/shipments", json=CREATE_SHIPMENT).json()["data"]["shipmentId"]
    response = client.get(f"/shipments/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["id"] == key
    assert shown["orderId"] == CREATE_SHIPMENT["orderId"]
    assert shown["customerId"] == CREATE_SHIPMENT["customerId"]
    assert shown["address"] == CREATE_SHIPMENT["address"]
    assert shown["state"] == "created"


def test_get_shipment_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    response = client.get(f"/shipments/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
