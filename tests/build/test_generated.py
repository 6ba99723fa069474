"""What is generated is accepted by the tools it is written for, as a person would run them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import run

SAMPLES = ("starter", "ecommerce", "banking")
Fleet = Callable[[str], Path]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_service_passes_its_own_types_style_layers_and_tests(sample: str, fleet_of: Fleet) -> None:
    fleet = fleet_of(sample)
    printed = run(["make", "test"], cwd=fleet)
    services = sorted(path.name for path in (fleet / "services").iterdir())
    assert printed.count("Success: no issues found") == len(services)
    passed = [int(count) for count in re.findall(r"(\d+) passed", printed)]
    assert len(passed) == len(services)
    print(f"{sample}: {len(services)} services, {sum(passed)} passed")


@pytest.mark.parametrize("sample", SAMPLES)
def test_hadolint_accepts_every_dockerfile(sample: str, fleet_of: Fleet) -> None:
    files = sorted(str(path) for path in fleet_of(sample).glob("services/*/Dockerfile"))
    assert files
    run(["hadolint", *files])


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_shipped_schema_accepts_the_specification(sample: str, fleet_of: Fleet) -> None:
    fleet = fleet_of(sample)
    run(["check-jsonschema", "--schemafile", str(fleet / "fleet.schema.json"), str(fleet / "fleet.yaml")])


@pytest.mark.parametrize("sample", SAMPLES)
def test_contracts_agree_with_the_services(sample: str, fleet_of: Fleet) -> None:
    fleet = fleet_of(sample)
    for facts in fleet.glob("services/*/src/*/gen/facts.json"):
        for event in json.loads(facts.read_text())["events"]:
            contract = fleet / "contracts" / "events" / f"{event['type']}.avsc"
            assert json.loads(contract.read_text()) == event["avro"]
