"""The read models follow the service's own events."""

from __future__ import annotations

from chassis.testing import ApiClient

from examples import DROP_TRANSFER, SETTLE_TRANSFER, START_TRANSFER


def test_sender_transfers_follow_transfer_started(client: ApiClient) -> None:
    said = client.post("/transfers", json=START_TRANSFER).json()["data"]
    key = said["from"]
    answer = client.get(f"/sender-transfers/{key}")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["items"]
    assert {name: row[name] for name in said if name in row} == {name: said[name] for name in said if name in row}
    assert row["state"] == "started"


def test_sender_transfers_follow_transfer_settled(client: ApiClient) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    said = client.post(f"/transfers/{key}/settle", json=SETTLE_TRANSFER).json()["data"]
    key = said["from"]
    answer = client.get(f"/sender-transfers/{key}")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["items"]
    assert {name: row[name] for name in said if name in row} == {name: said[name] for name in said if name in row}
    assert row["state"] == "settled"


def test_sender_transfers_follow_transfer_dropped(client: ApiClient) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    said = client.post(f"/transfers/{key}/drop", json=DROP_TRANSFER).json()["data"]
    key = said["from"]
    answer = client.get(f"/sender-transfers/{key}")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["items"]
    assert {name: row[name] for name in said if name in row} == {name: said[name] for name in said if name in row}
    assert row["state"] == "dropped"


def test_sender_transfers_of_an_unknown_key_are_none(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    answer = client.get(f"/sender-transfers/{key}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == []


def test_sender_transfers_want_their_scope(client: ApiClient) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    assert client.acting_as(scopes=()).get(f"/sender-transfers/{key}").status_code == 403
