"""Options and markers that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="accept the rendered trees")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def matches_file(update_golden: bool) -> Callable[[str, Path], None]:
    """`matches_file(text, path)`: the file says exactly this, or with `--update-golden` is made to."""

    def check(actual: str, path: Path) -> None:
        if update_golden:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8", newline="")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and look at the difference"
        assert actual == path.read_bytes().decode("utf-8")

    return check


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: takes long; `make full` runs it")
    # A make that a test starts is the user's first one, also where `make test` started the tests.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
        os.environ.pop(name, None)
