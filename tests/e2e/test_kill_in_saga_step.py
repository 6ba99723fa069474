"""Every service of the worked examples is killed with -9 in every step of the sagas it serves. Nothing may be lost,
nothing may happen twice: counted here, in PostgreSQL and Kafka, not by the services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from _pytest.mark import ParameterSet

from e2e.bank_runs import FLAGGED, REFUSED, SETTLED
from e2e.invariants import await_rest, check_all, each_handled_once
from e2e.kills import Kill, kill_and_check
from e2e.live_fleet import Edit, LiveFleet, generate
from e2e.other_kills import OwnerKill, PolicyKill
from e2e.runs import check_run
from e2e.shop_runs import CALLED_OFF, COMPLETED, DECLINED, SHORT
from fleetgen.runtime.smoke import smoke

HTTP = ("barrier.after_insert", "tx.before_commit", "tx.after_commit")
BUS = ("barrier.after_insert", "inbox.after_effect", "tx.before_commit", "tx.after_commit", "inbox.after_commit")
RELAY = ("relay.after_select", "relay.after_send", "relay.after_ack", "relay.after_delete", "relay.after_commit")
TRIGGER = ("inbox.after_insert",)


def full(case: Kill) -> ParameterSet:
    return pytest.param(case, id=case.name, marks=pytest.mark.full)


def each(case: Kill, *labels: str) -> list[ParameterSet]:
    """The case as it is, and with all other labels for `make full`."""
    others = [replace(case, label=label) for label in labels if label != case.label]
    return [pytest.param(case, id=case.name), *map(full, others)]


SHOP = [
    *each(Kill(COMPLETED, "PlaceOrder", "tx.after_commit"), *HTTP, *RELAY),
    *each(Kill(COMPLETED, "AuthorizePayment", "inbox.after_effect"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(COMPLETED, "ReserveStock", "inbox.after_commit"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(COMPLETED, "CreateShipment", "relay.after_ack"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(COMPLETED, "CapturePayment", "relay.after_select"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(COMPLETED, "ConfirmOrder", "inbox.after_effect"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(CALLED_OFF, "CreateShipment", "inbox.after_effect", True, "CreateShipment"), *BUS),
    *each(Kill(CALLED_OFF, "ReserveStock", "inbox.after_commit", True, "CreateShipment"), *BUS, *RELAY),
    *each(Kill(SHORT, "AuthorizePayment", "tx.before_commit", True), *BUS, *RELAY),
    *each(Kill(SHORT, "PlaceOrder", "inbox.after_effect", True), *BUS, *RELAY),
    full(Kill(DECLINED, "AuthorizePayment", "inbox.after_effect")),
    full(Kill(DECLINED, "PlaceOrder", "inbox.after_commit", True)),
    full(Kill(SHORT, "ReserveStock", "tx.before_commit")),
]
BANK = [
    *each(Kill(SETTLED, "InitiateTransfer", "tx.before_commit"), *HTTP, *RELAY),
    *each(Kill(SETTLED, "ScoreTransaction", "tx.after_commit"), *HTTP, *RELAY[1:]),
    *each(Kill(SETTLED, "PostEntry", "inbox.after_effect"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(SETTLED, "SettleTransfer", "inbox.after_commit"), *BUS, *TRIGGER, *RELAY),
    *each(Kill(REFUSED, "InitiateTransfer", "inbox.after_commit", True), *BUS, *TRIGGER, *RELAY),
    full(Kill(REFUSED, "PostEntry", "inbox.after_commit")),
    full(Kill(FLAGGED, "ScoreTransaction", "tx.after_commit")),
    full(Kill(FLAGGED, "InitiateTransfer", "inbox.after_effect", True)),
]


SHOP_POLICY = PolicyKill(COMPLETED, "inventory", "OrderConfirmed")
BANK_POLICY = PolicyKill(FLAGGED, "risk", "TransactionFlagged")

CONDUCTOR = [
    OwnerKill(SETTLED, "saga.after_start", "InitiateTransfer", ("ScoreTransaction", "forward")),
    OwnerKill(SETTLED, "saga.timer_claimed", "ScoreTransaction", ("ScoreTransaction", "forward")),
    OwnerKill(SETTLED, "saga.after_reply_commit", "PostEntry", ("SettleTransfer", "forward")),
    OwnerKill(REFUSED, "saga.after_reply_commit", "PostEntry", ("RejectTransfer", "compensate")),
]

NO_INSERT = Edit(
    "inbox_store.py",
    "INSERT INTO inbox (handler, ce_source, ce_id) VALUES (%(handler)s, %(source)s, %(id)s)\n"
    "  ON CONFLICT DO NOTHING RETURNING 1), ",
    "SELECT 1), ",
)
NO_CURSOR = Edit("inbox_rules.py", "return Verdict.STALE", "return Verdict.HANDLE")


def kill_in_policy(live: LiveFleet, case: PolicyKill) -> None:
    run = case.carry_out(live)
    check_run(live, run)


def fails_without_inbox(live: LiveFleet, case: PolicyKill) -> None:
    """What the record led to is there twice, and of records handled since then no row tells."""
    with live.changed(case.service, NO_INSERT, NO_CURSOR):
        run = case.carry_out(live)
        with pytest.raises(AssertionError, match=f"effects in {case.service}"):
            check_run(live, run)
        with pytest.raises(AssertionError, match=f"{case.service} lacks rows in its inbox"):
            each_handled_once(live)


def fails_without_insert(live: LiveFleet, case: PolicyKill) -> None:
    """The insert alone taken out: the cursor of the key still keeps the effect single, but the rows are missed."""
    with live.changed(case.service, NO_INSERT):
        run = case.carry_out(live)
        check_run(live, run)
        with pytest.raises(AssertionError, match=f"{case.service} lacks rows in its inbox"):
            each_handled_once(live)


def smoke_and_check(live: LiveFleet) -> None:
    result = smoke(live.root)
    assert result.passed, result.text()
    await_rest(live)
    check_all(live)


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

    def test_a_kill_behind_a_policy_doubles_nothing(self, shop: LiveFleet) -> None:
        kill_in_policy(shop, SHOP_POLICY)

    @pytest.mark.full
    def test_smoke_leaves_nothing_behind(self, shop: LiveFleet) -> None:
        smoke_and_check(shop)

    def test_at_rest_all_invariants_hold(self, shop: LiveFleet) -> None:
        check_all(shop)

    @pytest.mark.full
    def test_the_same_fails_without_the_insert(self, shop: LiveFleet) -> None:
        fails_without_insert(shop, SHOP_POLICY)

    def test_the_same_fails_without_the_inbox(self, shop: LiveFleet) -> None:
        fails_without_inbox(shop, SHOP_POLICY)


class TestBank:
    @pytest.mark.parametrize("case", BANK)
    def test_a_kill_in_a_step_loses_and_doubles_nothing(self, bank: LiveFleet, case: Kill) -> None:
        kill_and_check(bank, case)

    @pytest.mark.full
    @pytest.mark.parametrize("case", CONDUCTOR, ids=lambda case: case.name)
    def test_a_kill_of_the_conductor_loses_and_doubles_nothing(self, bank: LiveFleet, case: OwnerKill) -> None:
        check_run(bank, case.carry_out(bank))

    @pytest.mark.full
    def test_a_kill_behind_a_policy_doubles_nothing(self, bank: LiveFleet) -> None:
        kill_in_policy(bank, BANK_POLICY)

    def test_smoke_leaves_nothing_behind(self, bank: LiveFleet) -> None:
        smoke_and_check(bank)

    def test_at_rest_all_invariants_hold(self, bank: LiveFleet) -> None:
        check_all(bank)

    @pytest.mark.full
    def test_the_same_fails_without_the_insert(self, bank: LiveFleet) -> None:
        fails_without_insert(bank, BANK_POLICY)

    @pytest.mark.full
    def test_the_same_fails_without_the_inbox(self, bank: LiveFleet) -> None:
        fails_without_inbox(bank, BANK_POLICY)
