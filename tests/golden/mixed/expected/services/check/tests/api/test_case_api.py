"""The HTTP interface of `Case`: commands, problems, queries."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import RATE_TRANSFER, RATE_TRANSFER_REFUSED, SWEEP_CASES


def test_rate_transfer_is_accepted(client: ApiClient) -> None:
    response = client.post("/cases", json=RATE_TRANSFER)
    assert response.status_code == 201, response.text
    assert response.json()["event"] == "TransferRated"


def test_sweep_cases_is_accepted(client: ApiClient) -> None:
    response = client.post("/cases/sweep-cases", json=SWEEP_CASES)
    assert response.status_code == 200, response.text
    assert response.json()["event"] == "CasesSwept"


def test_rate_transfer_is_refused(client: ApiClient) -> None:
    response = client.post("/cases", json=RATE_TRANSFER_REFUSED)
    assert response.status_code == 409, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["rejection"] == "TransferFlagged"
    assert type(client.published[-1]).__name__ == "TransferFlagged"


def test_a_repeated_rate_transfer_is_answered_again_and_not_done_again(client: ApiClient) -> None:
    first = client.post("/cases", json=RATE_TRANSFER, idempotency_key="a-key")
    again = client.post("/cases", json=RATE_TRANSFER, idempotency_key="a-key")
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.published) == 1


def test_rate_transfer_wants_an_idempotency_key(client: ApiClient) -> None:
    response = client.post("/cases", json=RATE_TRANSFER, idempotency_key=None)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert client.published == []


def test_rate_transfer_wants_its_scope(client: ApiClient) -> None:
    stranger = client.acting_as(scopes=())
    response = stranger.post("/cases", json=RATE_TRANSFER)
    assert response.status_code == 403
    assert client.published == []


def test_rate_transfer_names_every_fault_of_its_input(client: ApiClient) -> None:
    response = client.post("/cases", json={})
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.json()["errors"]}
    assert "/transferId" in pointers


def test_get_case_gives_what_was_created(client: ApiClient) -> None:
    key = client.post("/cases", json=RATE_TRANSFER).json()["data"]["caseId"]
    response = client.get(f"/cases/{key}")
    assert response.status_code == 200, response.text
    shown = response.json()
    assert shown["id"] == key
    assert shown["transferId"] == RATE_TRANSFER["transferId"]
    assert shown["score"] == RATE_TRANSFER["score"]


def test_get_case_of_an_unknown_key_is_not_found(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    response = client.get(f"/cases/{key}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_search_cases_gives_page_after_page(client: ApiClient) -> None:
    assert client.post("/cases", json=RATE_TRANSFER).is_success
    assert client.post("/cases", json=RATE_TRANSFER).is_success
    first = client.get("/cases", limit=1).json()
    last = client.get("/cases", limit=1, after=first["next"]).json()
    assert len(first["items"]) == len(last["items"]) == 1
    assert last["items"] != first["items"]
    assert last["next"] is None
