from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import servers
from saga_fleet import SERVICES, Fleet


@pytest.fixture(scope="session")
def service_databases(postgres_server: str) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {service: stack.enter_context(servers.new_database(postgres_server)) for service in SERVICES}


@pytest.fixture
def make_fleet(service_databases: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def make(mode: str, **options: Any) -> Fleet:
        made.append(Fleet(service_databases, tmp_path, mode, **options))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()
