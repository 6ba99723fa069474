"""Every service of the worked examples is killed with -9 in every step of the sagas it serves. Nothing may be lost,
nothing may happen twice: counted here, in PostgreSQL and Kafka, not by the services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from e2e.bank_runs import FLAGGED, REFUSED, SETTLED
from e2e.invariants import check_all
from e2e.kills import Kill, kill_and_check
from e2e.live_fleet import LiveFleet, generate
from e2e.shop_runs import CALLED_OFF, COMPLETED, DECLINED, SHORT

HTTP = ("barrier.after_insert", "tx.before_commit", "tx.after_commit")
BUS = ("barrier.after_insert", "inbox.after_effect", "tx.before_commit", "tx.after_commit", "inbox.after_commit")
RELAY = ("relay.after_select", "relay.after_ack", "relay.after_delete")


def each(case: Kill, *labels: str) -> list:
    """The case as it is, and with all other labels for `make full`."""
    others = [Kill(case.scenario, case.step, label, case.undo, case.called_off) for label in labels]
    return [
        pytest.param(case, id=case.name),
        *(
            pytest.param(other, id=other.name, marks=pytest.mark.full)
            for other in others
            if other.label != case.label
        ),
    ]


SHOP = [
    *each(Kill(COMPLETED, "PlaceOrder", "tx.after_commit"), *HTTP, *RELAY),
    *each(Kill(COMPLETED, "AuthorizePayment", "inbox.after_effect"), *BUS, *RELAY),
    *each(Kill(COMPLETED, "ReserveStock", "inbox.after_commit"), *BUS, *RELAY),
    *each(Kill(COMPLETED, "CreateShipment", "relay.after_ack"), *BUS, *RELAY),
    *each(Kill(COMPLETED, "CapturePayment", "relay.after_select"), *BUS, *RELAY),
    *each(Kill(COMPLETED, "ConfirmOrder", "inbox.after_effect"), *BUS, *RELAY),
    *each(Kill(CALLED_OFF, "CreateShipment", "inbox.after_effect", True, "CreateShipment"), *BUS),
    *each(Kill(CALLED_OFF, "ReserveStock", "inbox.after_commit", True, "CreateShipment"), *BUS, *RELAY),
    *each(Kill(SHORT, "AuthorizePayment", "tx.before_commit", True), *BUS, *RELAY),
    *each(Kill(SHORT, "PlaceOrder", "inbox.after_effect", True), *BUS, *RELAY),
]
BANK = [
    *each(Kill(SETTLED, "InitiateTransfer", "tx.before_commit"), *HTTP, *RELAY),
    *each(Kill(SETTLED, "ScoreTransaction", "tx.after_commit"), *HTTP),
    *each(Kill(SETTLED, "PostEntry", "inbox.after_effect"), *BUS, *RELAY),
    *each(Kill(SETTLED, "SettleTransfer", "inbox.after_commit"), *BUS, *RELAY),
    *each(Kill(REFUSED, "InitiateTransfer", "inbox.after_commit", True), *BUS, *RELAY),
]


@pytest.fixture(scope="class")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    with closing(LiveFleet(generate("ecommerce", tmp_path_factory.mktemp("shop") / "fleet"))) as live:
        yield live


@pytest.fixture(scope="class")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    with closing(LiveFleet(generate("banking", tmp_path_factory.mktemp("bank") / "fleet"))) as live:
        yield live


class TestShop:
    @pytest.mark.parametrize("case", SHOP)
    def test_a_kill_in_a_step_loses_and_doubles_nothing(self, shop: LiveFleet, case: Kill) -> None:
        kill_and_check(shop, case)

    def test_at_rest_all_invariants_hold(self, shop: LiveFleet) -> None:
        check_all(shop)


class TestBank:
    @pytest.mark.parametrize("case", BANK)
    def test_a_kill_in_a_step_loses_and_doubles_nothing(self, bank: LiveFleet, case: Kill) -> None:
        kill_and_check(bank, case)

    def test_at_rest_all_invariants_hold(self, bank: LiveFleet) -> None:
        check_all(bank)
