"""The HTTP interface of `Payment`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import TAKE_PAYMENT, TAKE_PAYMENT_REFUSED


def test_take_payment_is_accepted(client: ApiClient) -> None:
    response = client.post("/payments", json=TAKE_PAYMENT)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "PaymentTaken"


def test_take_payment_is_refused(client: ApiClient) -> None:
    response = client.post("/payments", json=TAKE_PAYMENT_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["rejection"] == "PaymentDeclined"
    assert type(client.published[-1]).__name__ == "PaymentDeclined"


def test_a_repeated_take_payment_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/payments", json=TAKE_PAYMENT, idempotency_key="a-key")
    again = client.post("/payments", json=TAKE_PAYMENT, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_take_payment_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/payments", json=TAKE_PAYMENT, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_take_payment_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/payments", json=TAKE_PAYMENT)
    assert response.status_code == 403
    assert client.published == []


def test_take_payment_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/payments", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/orderId" in pointers


def test_get_payment_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/payments", json=TAKE_PAYMENT).json()["data"]["paymentId"]
    response = client.get(f"/payments/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["id"] == key
    assert shown["orderId"] == TAKE_PAYMENT["orderId"]
    assert shown["customerId"] == TAKE_PAYMENT["customerId"]
    assert shown["amount"] == TAKE_PAYMENT["amount"]
    assert shown["state"] == "taken"


def test_get_payment_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    response = client.get(f"/payments/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
