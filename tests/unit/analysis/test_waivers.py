"""A waiver accepts findings at its element and inside it, for a reason, and is itself looked at."""

from __future__ import annotations

import pytest

from fleetgen.analysis.engine import lint

FLEET = """\
fleet: shop
teams: {{sales: 6, payments: 6}}
{fleet}
contexts:
  order:
    {context}
    aggregates:
      Order:
        fields: {{total: money}}
        commands: {{PlaceOrder: OrderPlaced, CancelOrder: OrderCancelled}}
  payment:
    team: payments
    aggregates:
      Payment: {{fields: {{orderId: uuid}}, commands: {{TakePayment: PaymentTaken}}}}
sagas:
  checkout:
    {saga}
    steps:
      - {{do: PlaceOrder{step}}}
      - pivot TakePayment
"""
BOTH = ["SAGA-1", "TEAM-1"]


@pytest.fixture
def codes(fleet):
    def run(**waive: str) -> list[str]:
        parts = {key: f"waive: {waive[key]}" if key in waive else "" for key in ("fleet", "context", "saga")}
        step = f", waive: {waive['step']}" if "step" in waive else ""
        return sorted(item.code for item in lint(fleet(FLEET.format(**parts, step=step))))

    return run


def test_without_waivers_both_are_found(codes):
    assert codes() == BOTH


@pytest.mark.parametrize("place", ["fleet", "saga", "step"])
def test_a_waiver_reaches_what_is_inside(codes, place):
    assert codes(**{place: "{SAGA-1: the order is kept}"}) == ["TEAM-1"]


def test_a_waiver_reaches_its_own_element(codes):
    assert codes(context="{TEAM-1: bought next year}") == ["SAGA-1"]


def test_a_waiver_elsewhere_accepts_nothing(codes):
    assert codes(context="{SAGA-1: wrong place}") == sorted(["LINT-1", *BOTH])


def test_a_waiver_round_another_waiver_is_of_use_too(codes):
    assert codes(fleet="{SAGA-1: everywhere}", step="{SAGA-1: and here}") == ["TEAM-1"]


def test_a_context_and_its_service_are_one_place(codes):
    """Both carry what is written on the context; only the context has the finding."""
    assert "LINT-1" not in codes(context="{TEAM-1: bought next year}")


def test_an_empty_reason_accepts_nothing(codes):
    assert codes(saga='{SAGA-1: "  "}') == sorted(["LINT-3", *BOTH])


def test_an_unknown_rule_has_a_finding_with_the_nearest(fleet):
    found = lint(fleet(FLEET.format(fleet="", context="waive: {TEAM-11: a typing mistake}", saga="", step="")))
    (unknown,) = (item for item in found if item.code == "LINT-2")
    assert unknown.message == "`order` waives `TEAM-11`, which is no rule"
    assert unknown.hint == "write `TEAM-1`"


def test_what_the_fleet_cannot_do_without_cannot_be_waived(fleet):
    source = FLEET.format(fleet="", context="team: sales, waive: {STK-1: later}", saga="", step="")
    source = source.replace("team: sales, waive", "team: sales\n    stack: cobol\n    waive")
    found = {item.code: item for item in lint(fleet(source), stacks={"python"})}
    assert set(found) == {"LINT-2", "SAGA-1", "STK-1"}
    assert found["LINT-2"].message == "`order` waives `STK-1`, which cannot be waived"
