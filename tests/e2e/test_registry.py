"""The verdict of a real registry on the same contracts and the same changes as ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract_pairs import PAIRS, Pair
from e2e.apicurio import RealRegistry, real_registry
from fleetgen.contracts.compatibility import misfits
from fleetgen.contracts.contract import schema_text
from fleetgen.contracts.released import Released
from fleetgen.pipeline import check, contracts_of
from formats import written

KINDS = {"avsc": "AVRO", "proto": "PROTOBUF"}


@pytest.fixture(scope="module")
def registry() -> Iterator[RealRegistry]:
    with real_registry() as running:
        yield running


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.kind}: {pair.name}")
def test_the_registry_says_what_we_say_or_why_not(registry: RealRegistry, pair: Pair) -> None:
    subject = f"pairs-{PAIRS.index(pair)}"
    registry.level(subject, "NONE")
    for text in pair.earlier:
        known = registry.register(subject, text, pair.kind)
        assert known.status == 200, known
    registry.level(subject, pair.level)
    answer = registry.register(subject, pair.new, pair.kind)
    assert answer.status in (200, 409), answer
    released = [(number, pair.schema(text)) for number, text in enumerate(pair.earlier, 1)]
    ours = not misfits(pair.level, pair.schema(pair.new), released)
    assert ((answer.status == 200), ours) == (pair.fits, pair.fits_us), answer


@pytest.mark.parametrize("name", ("ecommerce", "banking"))
@pytest.mark.parametrize("form", ("avro", "protobuf"))
def test_it_takes_every_contract_of_the_worked_examples(
    registry: RealRegistry, tmp_path: Path, name: str, form: str
) -> None:
    contracts = contracts_of(check(written(name, form, tmp_path)), Released())
    assert len(contracts) >= 30
    for contract in contracts:
        subject = f"{name}-{form}-{contract.key}"
        registry.level(subject, contract.level)
        for _ in range(2):  # and again, as every start of a service does
            answer = registry.register(subject, schema_text(contract.schema), KINDS[contract.ending])
            assert answer.status == 200, (contract.key, answer)
