"""What the two worked examples promise and cannot keep, in figures. Each is accepted there for a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fleetgen.analysis.engine import catalogue, judge
from fleetgen.core.diagnostic import has_errors
from fleetgen.model.fleet import Fleet

SAMPLES = Path(__file__).parents[3] / "samples"
BANK = (SAMPLES / "banking" / "fleet.yaml").read_text()
SHOP = (SAMPLES / "ecommerce" / "fleet.yaml").read_text()


def accepted(fleet: Fleet) -> dict[str, str]:
    """By rule: what the waivers accept, where a rule found one thing."""
    return {found.code: found.message for each in judge(fleet).accepted for found in each.found}


BANK_SAYS = {
    "REL-1": "service `transaction` promises 99.99 %, but with its calls to `risk` it reaches 99.985 %",
    "REL-3": "99.99 % gives the fleet 4.32 min of downtime in 30 d, but one repair takes 15 min: 0.288 incidents "
    "a window",
    "TEAM-3": "team `payments-core` has 10 developers: more than 9, and 45 pairs who would have to talk",
}
SHOP_SAYS = {
    "COM-8": "a limit of 1000 a minute for each of 50 k users lets 833 k requests a second through, but the fleet "
    "bears 800 at its peak: 1042 times as much",
    "EVT-3": "event `StockShort` does not say what happened",
    "EVT-4": "consumer `analytics` keeps its state in `clickhouse`, which has no transactions: a message that comes "
    "twice counts twice",
    "OPS-3": "`order` keeps 1 % of its traces, but begins saga `order-fulfillment`, in which `payment` is under "
    "`pci-dss`, which wants 100 %",
    "TEAM-2": "team `supply` carries a load of 1.2 where 1 is full: 2 contexts (`inventory` and `shipping`)",
}


@pytest.mark.parametrize(("source", "said"), [(BANK, BANK_SAYS), (SHOP, SHOP_SAYS)], ids=["banking", "ecommerce"])
def test_contradictions_are_found_with_their_figures(source, said, fleet):
    verdict = judge(fleet(source))
    assert not has_errors(verdict.diagnostics)
    assert accepted(fleet(source)) == said
    assert [each.waiver.reason.span.line for each in verdict.accepted] == sorted(
        each.waiver.reason.span.line for each in verdict.accepted
    )


def reported(fleet: Callable[[str], Fleet], source: str, old: str, new: str) -> dict[str, str]:
    """The finding of each rule after a change of a sample, waived or not."""
    assert source.count(old) == 1
    verdict = judge(fleet(source.replace(old, new)))
    found = [*verdict.diagnostics, *(item for each in verdict.accepted for item in each.found)]
    return {item.code: item.message for item in found}


@pytest.mark.parametrize(
    ("source", "old", "new", "rule"),
    [
        (BANK, "  mttr: 15m\n", "  mttr: 4m\n", "REL-3"),
        (BANK, "    slo: {p95: 40ms}\n", "    slo: {p95: 40ms, availability: 99.995%}\n", "REL-1"),
        (BANK, "    developers: 10\n", "    developers: 9\n", "TEAM-3"),
        (SHOP, "rate-limit: 1000/min/user", "rate-limit: 1/min/user, kind: none", "COM-8"),
        (SHOP, "users: 50000", "users: 40", "COM-8"),
        (SHOP, "sampling: 1%", "sampling: 100%", "OPS-3"),
    ],
)
def test_a_promise_that_can_be_kept_is_not_reported(source, old, new, rule, fleet):
    source = source.replace("kind: kong, rate-limit", "rate-limit")
    assert rule in reported(fleet, source, old, old)
    assert rule not in reported(fleet, source, old, new)


def test_a_bank_that_samples_is_told_service_by_service(fleet):
    found = judge(fleet(BANK.replace("sampling: 100%", "sampling: 1%"))).diagnostics
    assert [item.message for item in found if item.code == "OPS-3"] == [
        f"`{name}` keeps 1 % of its traces, but handles money under `pci-dss`, which wants 100 %"
        for name in ("account", "transaction", "risk")
    ]


def test_a_list_that_answers_slowly_holds_up_the_transfer(fleet):
    assert reported(fleet, BANK, ", timeout: 1s}", "}")["COM-7"] == (
        "`risk` may wait 1.5 min for `watch-lists` (3 tries of 30 s and pauses), but `transaction` gives up on `risk` "
        "after 5 s"
    )


def test_waivers_of_the_samples_name_rules_that_are_there():
    rules = {rule.id for rule in catalogue()}
    assert {*BANK_SAYS, *SHOP_SAYS} <= rules
