"""The HTTP interface of `Transfer`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import DROP_TRANSFER, SETTLE_TRANSFER, START_TRANSFER


def test_start_transfer_is_accepted(client: ApiClient) -> None:
    response = client.post("/transfers", json=START_TRANSFER)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "TransferStarted"


def test_settle_transfer_is_accepted(client: ApiClient) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    response = client.post(f"/transfers/{key}/settle", json=SETTLE_TRANSFER)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "TransferSettled"


def test_drop_transfer_is_accepted(client: ApiClient) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    response = client.post(f"/transfers/{key}/drop", json=DROP_TRANSFER)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "TransferDropped"


def test_a_repeated_start_transfer_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/transfers", json=START_TRANSFER, idempotency_key="a-key")
    again = client.post("/transfers", json=START_TRANSFER, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_start_transfer_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/transfers", json=START_TRANSFER, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_start_transfer_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/transfers", json=START_TRANSFER)
    assert response.status_code == 403
    assert client.published == []


def test_start_transfer_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/transfers", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/from" in pointers


def test_get_transfer_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    response = client.get(f"/transfers/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["id"] == key
    assert shown["from"] == START_TRANSFER["from"]
    assert shown["to"] == START_TRANSFER["to"]
    assert shown["items"] == START_TRANSFER["items"]
    assert shown["type"] == START_TRANSFER["type"]
    assert shown["score"] == START_TRANSFER["score"]
    assert shown["state"] == "started"


def test_get_transfer_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    response = client.get(f"/transfers/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_search_transfers_gives_page_after_page(client: ApiClient) -> None:
    assert client.post("/transfers", json=START_TRANSFER).is_success
    assert client.post("/transfers", json=START_TRANSFER).is_success
    first = client.get("/transfers", limit=1).json()
    last = client.get("/transfers", limit=1, after=first["next"]).json()
    assert len(first["items"]) == len(last["items"]) == 1
    assert last["items"] != first["items"]
    assert last["next"] is None
