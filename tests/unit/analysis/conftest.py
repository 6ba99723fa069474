"""Fleets for tests, from a specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleetgen.model.fleet import Fleet
from fleetgen.report.diagnostics import text
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve


@pytest.fixture
def fleet() -> Callable[[str], Fleet]:
    """`fleet(yaml)`: the resolved fleet of a specification without mistakes of form."""

    def build(source: str) -> Fleet:
        document, found = load_text(source)
        assert document is not None and not found, text(found, {"fleet.yaml": source})
        resolved, more = resolve(document)
        assert resolved is not None and not more, text(more, {"fleet.yaml": source})
        return resolved

    return build
