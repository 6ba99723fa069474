"""Sagas of both modes over four services with databases of their own: how they end, and what is left then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.dispatch import Record
from chassis.domain import Conflict, IllegalState
from chassis.execute import Executed
from chassis.work import MessageContext, SagaHeaders
from saga_fleet import Fleet

Make = Callable[..., Fleet]
BOTH = pytest.mark.parametrize("mode", ["orchestration", "choreography"])
HAPPY = Counter(
    PlaceOrder=1, AuthorizePayment=1, ReserveStock=2, CheckRisk=1, CapturePayment=1, ConfirmOrder=1
)  # fmt: skip
UNDOS = ["CaseClosed", "StockReleased", "PaymentVoided", "OrderCancelled"]


def outcomes(fleet: Fleet) -> list[str]:
    """Names of the events on the topics of events, in the order of the bus."""
    return [record.ce_type.split(".")[1] for record in fleet.bus if record.topic.endswith(".events")]


def reasons(fleet: Fleet) -> list[str]:
    """What the orders were told when they were cancelled."""
    cancelled = [record for record in fleet.sent(".OrderCancelled.v1") if record.topic.endswith(".events")]
    return [fleet.order.codec.decode(record)["reason"] for record in cancelled]


# -- completing


@BOTH
def test_a_saga_completes(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a", "b")
    assert fleet.status(saga_id) == "running"
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects() == HAPPY
    assert (fleet.amount("a"), fleet.amount("b")) == (9, 9)
    assert fleet.parked() == []
    steps = fleet.order.admin.show(saga_id)["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [
        (name, "succeeded")
        for name in ("PlaceOrder", "AuthorizePayment", "ReserveStock", "CheckRisk", "CapturePayment", "ConfirmOrder")
    ]


@BOTH
def test_all_events_of_a_saga_say_so_and_share_its_transaction(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a", "b")
    fleet.settle()
    for record in fleet.bus:
        assert record.headers["ce_sagaid"] == str(saga_id), record.ce_type
        assert record.headers["ce_sagatype"] == "fulfil"
        assert record.headers["ce_correlationid"] == "corr-1"
    parts = [r.headers["ce_sagapart"] for r in fleet.sent(".StockReserved.v1") if r.topic.endswith(".events")]
    assert parts == ["1/2", "2/2"]


@BOTH
def test_a_rejected_first_command_starts_nothing(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.plan(PlaceOrder="refuse")
    with fleet.order.database.work() as work:
        executed = fleet.order.execute("PlaceOrder", {"customerId": "c", "lines": ["a"]}, work)
    assert executed.rejected
    assert executed.saga_id is None
    fleet.settle()
    assert fleet.order.rows("SELECT * FROM saga_instance") == []
    assert outcomes(fleet) == ["OrderDeclined"]


@BOTH
def test_a_fan_out_over_nothing(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place()
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects()["ReserveStock"] == 0


def test_the_call_of_a_step(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(call=["away", "lost", "answer"])
    saga_id = fleet.place("a", "b")
    assert fleet.wait_out(saga_id) == "completed"
    assert fleet.calls == 3
    assert fleet.effects() == HAPPY, "the answer that was lost is given again"


# -- being refused


@BOTH
@pytest.mark.parametrize(
    ("refusing", "rejection", "undone"),
    [
        ("AuthorizePayment", "PaymentDeclined", UNDOS[3:]),
        ("CheckRisk", "RiskFlagged", UNDOS[1:]),
        ("CapturePayment", "CaptureRefused", UNDOS),
    ],
)
def test_a_refusal_is_compensated_in_reverse_order(
    make_fleet: Make, mode: str, refusing: str, rejection: str, undone: list[str]
) -> None:
    fleet = make_fleet(mode)
    fleet.plan(**{refusing: "refuse"})
    saga_id = fleet.place("a", "b")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    events = outcomes(fleet)
    behind = events[events.index(rejection) + 1 :]
    assert list(dict.fromkeys(behind)) == undone
    assert reasons(fleet) == [rejection]
    assert (fleet.amount("a"), fleet.amount("b")) == (10, 10)
    assert fleet.effects()["CapturePayment"] == 0
    assert fleet.parked() == []


@BOTH
def test_a_fan_out_is_all_or_none(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.put("stock", "b", 0)
    saga_id = fleet.place("a", "b", "c")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert [fleet.amount(sku) for sku in "abc"] == [10, 0, 10]
    assert outcomes(fleet).count("StockShort") == 1
    assert reasons(fleet) == ["StockShort"]
    if mode == "choreography":
        assert fleet.effects()["ReserveStock"] == 0, "the effects of the others were rolled back"
        assert "StockReserved" not in outcomes(fleet), "and nobody heard of them"


def test_the_items_of_a_fan_out_are_locked_in_the_order_of_their_keys(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    fleet.place("c", "a", "b")
    fleet.settle()
    reserved = fleet.members["stock"].rows("SELECT id FROM effect ORDER BY n")
    assert [row[0] for row in reserved] == ["a", "b", "c"]
    parts = {fleet.order.codec.decode(r)["sku"]: r.headers["ce_sagapart"] for r in fleet.sent(".StockReserved.v1")}
    assert parts == {"c": "1/3", "a": "2/3", "b": "3/3"}, "the parts keep the order of the items"


def test_two_lines_of_the_same_stock(make_fleet: Make) -> None:
    """The second line is short only because of the first: the refusal stands though the first is rolled back."""
    fleet = make_fleet("choreography")
    fleet.put("stock", "a", 1)
    saga_id = fleet.place("a", "a")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert fleet.amount("a") == 1


def test_a_call_that_conflicts_is_made_again(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(CheckRisk=[Conflict("somebody was first"), "succeed"])
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "completed"
    assert (fleet.calls, fleet.effects()["CheckRisk"]) == (2, 1)


def test_a_refused_call(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(CheckRisk="refuse")
    saga_id = fleet.place("a", "b")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert reasons(fleet) == ["RiskFlagged"]


def test_a_call_is_undone_by_a_command(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(CapturePayment="refuse")
    saga_id = fleet.place("a")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert fleet.effects()["CloseCase"] == 1


def test_a_call_whose_answers_are_all_lost_is_undone_all_the_same(make_fleet: Make) -> None:
    """The conductor never hears which case was opened: its participant knows."""
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(call=["lost"] * 200)
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id, limit=400) == "compensated"
    assert (fleet.effects()["CheckRisk"], fleet.effects()["CloseCase"]) == (1, 1)


def test_a_call_that_comes_after_its_compensation_is_refused(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", call=True)
    fleet.plan(call=["away"] * 200)
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id, limit=400) == "compensated"
    assert fleet.effects()["CloseCase"] == 0
    headers = next(r for r in fleet.bus if r.topic == "shop.risk.commands").headers
    assert headers["ce_sagadir"] == "compensate"
    late = SagaHeaders(id=saga_id, type="fulfil", step="CheckRisk")
    answer = fleet.members["risk"].serve("CheckRisk", {"orderId": "o"}, "late", late)
    assert answer.status == 409
    assert fleet.effects()["CheckRisk"] == 0


# -- failing without an event


def test_an_error_of_the_domain_is_a_failure_for_good(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    fleet.plan(CheckRisk=IllegalState("CheckRisk", "closed"))
    saga_id = fleet.place("a")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert reasons(fleet) == ["illegal-state"]
    assert fleet.effects()["CloseCase"] == 0


def test_a_conflict_is_tried_again(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    fleet.plan(CheckRisk=[Conflict("somebody was first"), "succeed"])
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "completed"
    assert fleet.effects()["CheckRisk"] == 1


def test_a_step_of_a_choreography_that_fails_is_tried_again_and_holds_up_nobody(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    fleet.plan(CheckRisk=[RuntimeError("a bug")] + [IllegalState("CheckRisk", "closed")] * 2)
    saga_id = fleet.place("a")
    fleet.settle()
    assert fleet.parked() == []
    risk = fleet.members["risk"]
    assert risk.rows("SELECT attempts, last_error FROM saga_participant") == [(1, "RuntimeError: a bug")]
    for pause in (1, 2, 4):
        assert fleet.status(saga_id) == "running"
        fleet.pass_time(pause).settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects()["CheckRisk"] == 1


def test_a_step_of_a_choreography_that_fails_for_ever_is_called_back(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    fleet.plan(CheckRisk=[IllegalState("CheckRisk", "closed")] * 500)
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "compensated"
    assert fleet.amount("a") == 10
    assert fleet.effects()["CheckRisk"] == 0


@BOTH
def test_an_undo_that_has_nothing_to_undo_is_passed_over(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.plan(CheckRisk="refuse")
    saga_id = fleet.place("a")
    with fleet.order.database.connection() as connection:
        connection.execute("UPDATE thing SET state = 'cancelled' WHERE kind = 'order'")
    fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    assert fleet.effects()["CancelOrder"] == 0
    assert fleet.parked() == []


@BOTH
def test_an_undo_that_fails_is_not_passed_over(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.plan(CheckRisk="refuse")
    saga_id = fleet.place("a")
    with fleet.order.database.connection() as connection:
        connection.execute("UPDATE thing SET state = 'confirmed' WHERE kind = 'order'")
    assert fleet.wait_out(saga_id) == "stuck"


def test_behind_the_pivot_a_refusal_leaves_nothing_and_is_tried_again(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    fleet.plan(ConfirmOrder=[IllegalState("ConfirmOrder", "busy"), Conflict("busy"), "succeed"])
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "completed"
    assert fleet.effects()["ConfirmOrder"] == 1


@BOTH
def test_behind_the_pivot_what_never_succeeds_is_stuck(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.plan(ConfirmOrder=[IllegalState("ConfirmOrder", "busy")] * 200)
    saga_id = fleet.place("a")
    assert fleet.wait_out(saga_id) == "stuck"
    assert fleet.effects()["CapturePayment"] == 1
    assert fleet.effects()["CancelOrder"] == 0
    assert [record.headers["ce_sagaid"] for record in fleet.sent("fleet.saga.stuck.v1")] == [str(saga_id)]


# -- silence


@BOTH
@pytest.mark.parametrize("silent", ["payment", "stock", "risk"])
def test_who_never_answers_is_given_up_and_undone_when_back(make_fleet: Make, mode: str, silent: str) -> None:
    fleet = make_fleet(mode)
    saga_id = fleet.place("a")
    status = fleet.wait_out(saga_id, without=(silent,))
    assert status in ("stuck", "compensated")
    fleet.settle()
    if fleet.status(saga_id) == "stuck":
        saga = fleet.order.admin.show(saga_id)
        fleet.order.admin.operate(saga_id, "retry", actor="ada", reason="back", expected_version=saga["version"])
        fleet.settle()
    assert fleet.status(saga_id) == "compensated"
    effects = fleet.effects()
    assert effects["AuthorizePayment"] == effects["VoidPayment"]
    assert effects["ReserveStock"] == effects["ReleaseStock"]
    assert effects["CheckRisk"] == effects["CloseCase"]
    assert effects["PlaceOrder"] == effects["CancelOrder"] == 1
    assert fleet.amount("a") == 10


def test_a_late_forward_is_dropped_after_overdue(make_fleet: Make) -> None:
    fleet = make_fleet("choreography")
    saga_id = fleet.place("a")
    fleet.wait_out(saga_id, without=("risk",))
    assert len(fleet.sent("fleet.fulfilment.overdue.v1")) == 1
    risk = fleet.members["risk"]
    risk.waiting.extend([risk.waiting.popleft() for _ in range(len(risk.waiting) - 1)])  # overdue comes first
    risk.waiting = type(risk.waiting)(sorted(risk.waiting, key=lambda record: not record.topic.endswith(".fulfilment")))
    fleet.settle()
    assert fleet.effects()["CheckRisk"] == 0
    assert fleet.status(saga_id) in ("compensated", "stuck")
    assert fleet.amount("a") == 10


def test_a_pivot_that_ran_is_not_called_back(make_fleet: Make) -> None:
    """The owner is deaf while the pivot runs, and declares the saga overdue: payment knows better."""
    fleet = make_fleet("choreography")
    saga_id = fleet.place("a")
    fleet.settle(without=("order",))
    assert fleet.effects()["CapturePayment"] == 1
    fleet.pass_time(100)
    fleet.tick(fleet.order)
    assert fleet.status(saga_id) == "compensating"
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects() == HAPPY - Counter(ReserveStock=1)


def test_an_expired_command_is_not_carried_out(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration", within=0.0)
    fleet.place("a")
    fleet.pump()
    while fleet.deliver(fleet.members["payment"]):
        pass
    assert fleet.effects()["AuthorizePayment"] == 0
    fleet.pump()
    reply = next(record for record in fleet.bus if record.topic.endswith(".replies"))
    assert (reply.headers["ce_outcome"], reply.headers["ce_retryable"]) == ("expired", "true")


# -- twice


@BOTH
def test_every_record_twice_and_under_another_name(make_fleet: Make, mode: str) -> None:
    """The inbox cannot know a record that comes under a new id: the barrier and the cores must."""
    fleet = make_fleet(mode)
    saga_id = fleet.place("a", "b")
    seen = 0
    for _ in range(200):
        busy = fleet.step()
        for record in fleet.bus[seen:]:
            for reader in fleet.readers(record.topic):
                reader.waiting.append(_renamed(record))
        seen = len(fleet.bus)
        if not busy:
            break
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    assert fleet.effects() == HAPPY
    assert fleet.parked() == []


def _renamed(record: Record) -> Record:
    headers = {name: value for name, value in record.headers.items() if name != "ce_sequence"}
    return replace(record, headers=headers | {"ce_id": str(uuid4())})


def test_a_command_sent_again_is_answered_again(make_fleet: Make) -> None:
    fleet = make_fleet("orchestration")
    saga_id = fleet.place("a")
    fleet.settle(without=("order",))
    assert fleet.effects()["AuthorizePayment"] == 1
    fleet.pass_time(61)
    fleet.tick(fleet.order)
    fleet.settle(without=("order",))  # two answers wait for a conductor that hears nothing
    fleet.settle()
    assert fleet.status(saga_id) == "completed"
    commands = [record for record in fleet.bus if record.topic == "shop.payment.commands"]
    assert [record.ce_type for record in commands].count("payment.AuthorizePayment.v1") == 2
    answers = [r for r in fleet.bus if r.topic.endswith(".replies") and r.ce_type == "payment.PaymentAuthorized.v1"]
    assert len({answer.payload for answer in answers}) == 1
    assert len({answer.headers["ce_causationid"] for answer in answers}) == 2
    assert fleet.effects()["AuthorizePayment"] == 1


@BOTH
def test_one_live_saga_for_a_business_key(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    order = fleet.order
    placed = Executed("OrderPlaced", {"orderId": "o-1", "lines": ["a"]}, False)

    def start(_: int) -> UUID:
        with order.database.work(MessageContext()) as work:
            return order.engine.start(work, order.definition.sagas[0], work.new_id(), {"customerId": "c"}, placed)

    with ThreadPoolExecutor(4) as pool:
        started = set(pool.map(start, range(20)))
    assert len(started) == 1
    assert order.rows("SELECT saga_id, business_key FROM saga_instance") == [(*started, "o-1")]
    assert len(order.rows("SELECT 1 FROM saga_participant")) == 1


@BOTH
def test_many_sagas_share_what_is_left(make_fleet: Make, mode: str) -> None:
    fleet = make_fleet(mode)
    fleet.put("stock", "a", 3)
    sagas = [fleet.place("b", "a") if n % 2 else fleet.place("a", "b") for n in range(6)]
    fleet.settle(limit=2000)
    ends = Counter(fleet.status(saga_id) for saga_id in sagas)
    assert ends == {"completed": 3, "compensated": 3}
    assert (fleet.amount("a"), fleet.amount("b")) == (0, 7)


def test_a_late_reply_is_counted_and_changes_nothing(make_fleet: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    monkeypatch.setattr("chassis.saga.metrics.late_replies.add", lambda n, attributes: counted.append(attributes))
    fleet = make_fleet("orchestration")
    saga_id = fleet.place("a")
    fleet.settle()
    version = fleet.order.admin.show(saga_id)["version"]
    reply = next(record for record in fleet.bus if record.topic.endswith(".replies"))
    fleet.order.waiting.append(_renamed(reply))
    fleet.settle()
    assert counted == [{"saga.type": "fulfil"}]
    assert fleet.order.admin.show(saga_id)["version"] == version
