"""What `smoke` sends and expects, by the facts of the fleets in `samples`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fleetgen.facts.build import service_facts
from fleetgen.facts.schema import CommandFact, SagaFact, ScenarioFact
from fleetgen.runtime.monorepo import LocalFleet, LocalService
from fleetgen.runtime.smoke.caller import Caller, Done
from fleetgen.runtime.smoke.drive import prepared
from fleetgen.runtime.smoke.expected import expected_events, participants
from fleetgen.runtime.smoke.values import Fresh
from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve

SAMPLES = Path(__file__).parents[3] / "samples"


def fleet_of(sample: str) -> LocalFleet:
    document, _ = load(SAMPLES / sample / "fleet.yaml")
    assert document is not None
    fleet, found = resolve(document)
    assert fleet is not None, found
    services = [service_facts(fleet, service) for service in fleet.services]
    return LocalFleet(SAMPLES, tuple(LocalService(facts.name.kebab, SAMPLES, facts) for facts in services))


@pytest.fixture(scope="module")
def shop() -> LocalFleet:
    return fleet_of("ecommerce")


def scenario(saga: SagaFact, refused_with: str) -> ScenarioFact:
    return next(found for found in saga.scenarios if found.refused_with == refused_with)


def test_a_happy_run_publishes_every_step(shop: LocalFleet) -> None:
    (saga,) = shop.sagas
    assert expected_events(saga, scenario(saga, "")) == {
        "OrderPlaced": 1, "PaymentAuthorized": 1, "StockReserved": 1, "ShipmentCreated": 1, "PaymentCaptured": 1,
        "OrderConfirmed": 1,
    }  # fmt: skip


def test_a_refusal_publishes_what_came_before_it_and_its_undo(shop: LocalFleet) -> None:
    (saga,) = shop.sagas
    assert expected_events(saga, scenario(saga, "StockShort")) == {
        "OrderPlaced": 1, "OrderCancelled": 1, "PaymentAuthorized": 1, "PaymentVoided": 1, "StockShort": 1,
        "StockReserved": 0,
    }  # fmt: skip
    assert participants(saga, scenario(saga, "StockShort")) == {"order", "payment", "inventory"}


def test_a_fan_out_publishes_one_event_an_item(shop: LocalFleet) -> None:
    (saga,) = shop.sagas
    happy = scenario(saga, "")
    three = happy.model_copy(update={"input": {**happy.input, "lines": happy.input["lines"] * 3}})
    assert expected_events(saga, three)["StockReserved"] == 3


def test_every_refusal_of_the_samples_can_be_provoked() -> None:
    for sample in ("starter", "ecommerce", "banking"):
        for saga in fleet_of(sample).sagas:
            refusals = {step.refuses_with for step in saga.steps[1:] if step.refuses_with}
            assert {found.refused_with for found in saga.scenarios} == {"", *refusals}


class Recorder(Caller):
    """Answers like the services: keys that they make are theirs."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def carry_out(self, service: str, command: CommandFact, given: Mapping[str, Any], traceparent: str = "") -> Done:
        self.sent.append((command.name.text, given))
        return Done(command.emits.text, {}, f"made-{len(self.sent)}", "", "")


def test_natural_keys_are_new_in_every_run_and_the_same_in_all_its_commands(shop: LocalFleet) -> None:
    (saga,) = shop.sagas
    skus = []
    for _ in range(2):
        caller = Recorder()
        given = prepared(shop, caller, scenario(saga, "").prerequisites, scenario(saga, "").input)
        (sku,) = {sent["sku"] for _, sent in caller.sent}
        assert [line["sku"] for line in given["lines"]] == [sku]
        skus.append(sku)
    assert len(set(skus)) == 2
    assert "example" not in skus


def test_ids_are_new_and_stay_equal_where_they_were_equal() -> None:
    one, other = "018f3b6e-0000-7000-8000-000000000001", "018f3b6e-0000-7000-8000-000000000002"
    fresh = Fresh()
    made = fresh.of({"a": one, "b": [one, other], "c": 1, "d": "text", "e": None})
    assert made["a"] == made["b"][0] not in (one, other)
    assert made["b"][1] != made["a"]
    assert (made["c"], made["d"], made["e"]) == (1, "text", None)
    assert Fresh().of(one) != made["a"]
