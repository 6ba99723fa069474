"""What other services are asked, and how their answers are understood."""

from __future__ import annotations

from typing import Any

from chassis import paging
from chassis.doubles import FakeWork
from chassis.message import from_wire, to_wire
from chassis.peer_doubles import MemoryPeers

from mixed_transfer.gen.clients import CheckClient, StockClient
from mixed_transfer.gen.messages import GetStock
from mixed_transfer.gen.ports import CheckCalls, StockCalls
from mixed_transfer.gen.upstream import GetCase, RateTransfer, SearchCases, TransferRated


def test_get_stock_is_asked_of_stock() -> None:
    client: StockCalls = StockClient()
    asked: dict[str, Any] = {
        "sku": "example",
    }
    query = from_wire(GetStock, asked)
    given: dict[str, Any] = {
        "sku": "example",
        "onHand": 1,
    }
    peers = MemoryPeers(given={("stock", "/stocks/{sku}"): given})
    answer = client.get_stock(query, FakeWork(peers=peers))
    assert answer is not None
    assert to_wire(answer) == given
    assert client.get_stock(query, FakeWork(peers=MemoryPeers())) is None


def test_get_case_is_asked_of_check() -> None:
    client: CheckCalls = CheckClient()
    asked: dict[str, Any] = {
        "id": "018f3b6e-0000-7000-8000-000000000001",
    }
    query = from_wire(GetCase, asked)
    given: dict[str, Any] = {
        "id": "018f3b6e-0000-7000-8000-000000000001",
        "transferId": "018f3b6e-0000-7000-8000-000000000001",
        "score": "1.50",
        "at": None,
        "day": None,
        "lasts": None,
        "link": None,
        "more": None,
        "open": True,
        "note": None,
    }
    peers = MemoryPeers(given={("check", "/cases/{id}"): given})
    answer = client.get_case(query, FakeWork(peers=peers))
    assert answer is not None
    assert to_wire(answer) == given
    assert client.get_case(query, FakeWork(peers=MemoryPeers())) is None


def test_search_cases_is_asked_of_check() -> None:
    client: CheckCalls = CheckClient()
    asked: dict[str, Any] = {
        "id": None,
        "transferId": None,
        "score": None,
        "at": None,
        "day": None,
        "link": None,
        "open": None,
    }
    query = from_wire(SearchCases, asked)
    given: dict[str, Any] = {
        "id": "018f3b6e-0000-7000-8000-000000000001",
        "transferId": "018f3b6e-0000-7000-8000-000000000001",
        "score": "1.50",
        "at": None,
        "day": None,
        "lasts": None,
        "link": None,
        "more": None,
        "open": True,
        "note": None,
    }
    peers = MemoryPeers(given={("check", "/cases"): {"items": [given], "next": None}})
    answer = client.search_cases(query, paging.PageRequest(), FakeWork(peers=peers))
    assert [to_wire(item) for item in answer.items] == [given]


def test_rate_transfer_is_asked_of_check() -> None:
    client: CheckCalls = CheckClient()
    asked: dict[str, Any] = {
        "transferId": "018f3b6e-0000-7000-8000-000000000001",
        "score": "1.50",
    }
    command = from_wire(RateTransfer, asked)
    given: dict[str, Any] = {
        "caseId": "018f3b6e-0000-7000-8000-000000000001",
        "transferId": "018f3b6e-0000-7000-8000-000000000001",
        "score": "1.50",
    }
    peers = MemoryPeers(outcomes={("check", "/cases"): ("TransferRated", given)})
    answer = client.rate_transfer(command, FakeWork(peers=peers))
    assert isinstance(answer, TransferRated)
    assert to_wire(answer) == given
