from __future__ import annotations

import pytest
import yaml
from openapi_spec_validator import validate

from fleetgen.core.resources import sample, samples
from fleetgen.monorepo import openapi_of
from fleetgen.pipeline import check


@pytest.mark.parametrize("name", samples())
def test_the_real_validator_accepts_every_document(name: str) -> None:
    path = sample(name)
    assert path is not None
    fleet = check(path).fleet
    assert fleet is not None
    for service in fleet.services:
        text = openapi_of(fleet, service)
        document = yaml.safe_load(text.replace("# Code generated", "# ", 1))
        validate(document)
        operations = [item["operationId"] for path in document["paths"].values() for item in path.values()]
        assert len(operations) == len(set(operations))
        asked = {
            item.name
            for aggregate in service.aggregates
            for item in (*aggregate.commands, *aggregate.queries, *aggregate.read_models)
        }
        assert set(operations) == asked
