"""Inputs of commands from the data of their saga."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.definition import Binding, Source
from chassis.saga import bindings
from chassis.saga.bindings import REJECTION, Current, Unbound
from saga_flows import bound, source

DATA: dict[str, Any] = {
    "OrderPlaced": {"orderId": "o-1", "address": {"city": "Bern"}, "lines": [{"sku": "a"}, {"sku": "b"}]},
    "StockReserved": [{"sku": "a", "orderId": "o-1", "n": 1}, {"sku": "b", "orderId": "o-1", "n": 2}],
    REJECTION: "PaymentDeclined",
}


def evaluate(current: Current = bindings.ALONE, **inputs: str | None) -> dict[str, Any]:
    return bindings.evaluate([Binding.model_validate(one) for one in bound(**inputs)], DATA, current)


def test_sources() -> None:
    assert evaluate(
        orderId="OrderPlaced.orderId", city="OrderPlaced.address.city", reason="rejection", kind="=web", gone=None
    ) == {"orderId": "o-1", "city": "Bern", "reason": "PaymentDeclined", "kind": "web"}


def test_an_item_and_the_same_item_of_an_earlier_fan_out() -> None:
    current = Current(item={"sku": "b"}, index=1, total=2)
    assert evaluate(current, sku="item.sku", n="StockReserved.n") == {"sku": "b", "n": 2}


def test_outside_a_fan_out_its_parts_must_agree() -> None:
    assert evaluate(orderId="StockReserved.orderId") == {"orderId": "o-1"}
    with pytest.raises(Unbound, match=r"n: StockReserved\.n"):
        evaluate(n="StockReserved.n")


def test_a_fan_out_of_another_length_is_not_taken_item_by_item() -> None:
    with pytest.raises(Unbound):
        evaluate(Current(item={}, index=0, total=3), n="StockReserved.n")


@pytest.mark.parametrize("missing", ["Nothing.id", "OrderPlaced.nothing", "OrderPlaced.orderId.deeper", "item.sku"])
def test_what_is_missing_is_unbound(missing: str) -> None:
    with pytest.raises(Unbound):
        evaluate(value=missing)


def test_known_inputs_are_given_though_others_are_missing() -> None:
    wanted = [Binding.model_validate(one) for one in bound(orderId="OrderPlaced.orderId", id="Nothing.id")]
    assert bindings.evaluate_known(wanted, DATA) == ({"orderId": "o-1"}, False)
    assert bindings.evaluate_known(wanted[:1], DATA) == ({"orderId": "o-1"}, True)


def test_items() -> None:
    assert bindings.items(Source.model_validate(source("OrderPlaced.lines")), DATA) == [{"sku": "a"}, {"sku": "b"}]
    with pytest.raises(Unbound):
        bindings.items(Source.model_validate(source("OrderPlaced.orderId")), DATA)


def test_a_fan_out_over_a_fan_out_runs_over_its_parts() -> None:
    assert len(bindings.items(Source.model_validate(source("StockReserved")), DATA)) == 2
