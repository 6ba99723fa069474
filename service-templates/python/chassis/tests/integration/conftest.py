from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis import faults
from lab import Bus, Store, store_on


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with store_on(database_url) as store:
        yield store


@pytest.fixture(scope="session")
def bus(kafka_bootstrap: str) -> Bus:
    return Bus(kafka_bootstrap)


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faults.install(None)
