from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.spec.marked import resolved

from fleetgen.spec.edit import replace_stack
from fleetgen.spec.load import load, load_text
from fleetgen.spec.resolve import resolve
from fleetgen.spec.show import show

SAMPLES = Path(__file__).parents[3] / "samples"
ALL = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("stack", ["", "python"])
def test_what_is_shown_resolves_to_the_same_fleet(name: str, stack: str) -> None:
    document, _ = load(SAMPLES / name)
    assert document is not None
    fleet, found = resolve(replace_stack(document, stack) if stack else document)
    assert not found
    assert fleet is not None
    text = show(fleet)
    again, found = load_text(text)
    assert not found
    assert again is not None
    same, found = resolve(again)
    assert not found
    assert same == fleet
    assert same is not None
    assert show(same) == text


def test_everything_is_filled_in() -> None:
    text = show(
        resolved("fleet: shop\ncontexts: {order: {aggregates: {Order: {commands: {PlaceOrder: OrderPlaced}}}}}\n")
    )
    for line in (
        "organisation: com.example.shop",
        "    stores: {primary: postgresql}",
        "    api: [rest]",
        "        key: id  # uuid, made here",
        "            creates: true",
        "            emits: OrderPlaced  # carries orderId; ordered by orderId",
        "            exposure: internal",
        '            scopes: ["order:place-order"]',
        "  gateway: {kind: kong, rate-limit: 1000/min/user}",
        "  circuit-breaker: {failures: 5, open: 30s}",
        "    retention: 7d",
    ):
        assert f"{line}\n" in text, text


@pytest.mark.parametrize(
    "vision",
    [
        "on",
        "012",
        "1:30",
        "a: b",
        "# no",
        "- x",
        "true",
        "42",
        "null",
        "ends ",
        '“quoted” \\ "x"',
        "2026-01-01",
        "*x",
        "{a}",
        "über",
    ],
)
def test_texts_survive(vision: str) -> None:
    import json

    fleet = resolved(f"fleet: shop\nvision: {json.dumps(vision)}\ncontexts: {{}}\n")
    assert fleet.vision == vision
    assert resolved(show(fleet)) == fleet
