"""Steps, their kinds, and where each input comes from."""

from __future__ import annotations

import pytest
from tests.unit.spec.marked import read, resolved, said

from fleetgen.model.fleet import Binding, Saga, Source

CONTEXTS = """\
fleet: f
contexts:
  order:
    aggregates:
      Order:
        fields: {customerId: uuid, total: money, token: string, lines: {list: Line}}
        sensitive: {pan: [token]}
        values: {Line: {sku: string, quantity: int}}
        commands:
          PlaceOrder: OrderPlaced
          CancelOrder: {emits: OrderCancelled, takes: {reason: string}}
          CloseOrder: OrderClosed
  payment:
    aggregates:
      Payment:
        fields: {orderId: uuid, amount: money, token: {optional: string}}
        commands:
          Authorize: {emits: Authorized, or: {Declined: amount.amount > 5}}
          Void: Voided
          Capture: Captured
  stock:
    aggregates:
      Stock:
        key: sku
        fields: {sku: string, reserved: int}
        invariants: [reserved < 100]
        commands:
          Open: Opened
          Reserve:
            emits: Reserved
            or: Short
            takes: {orderId: uuid, quantity: int}
            changes: {reserved: reserved + quantity}
          Release: {emits: Released, takes: {quantity: int}, changes: {reserved: reserved - quantity}}
"""
PLACE = "{do: PlaceOrder, undo: CancelOrder, with: {reason: rejection}}"
PAY = "{do: Authorize, undo: Void, with: {amount: Order.total}}"


def text(*steps: str, mode: str = "choreography", more: str = "") -> str:
    listed = "".join(f"      - {step}\n" for step in steps)
    return CONTEXTS + f"sagas:\n  s:\n    mode: {mode}\n{more}    steps:\n{listed}"


def saga(*steps: str, mode: str = "choreography", more: str = "") -> Saga:
    return resolved(text(*steps, mode=mode, more=more)).sagas[0]


def told(bindings: tuple[Binding, ...]) -> dict[str, Source]:
    return {each.name: each.source for each in bindings}


def message(name: str, *path: str) -> Source:
    return Source(kind="message", message=name, path=path)


def test_inputs_by_name_with_and_undo() -> None:
    place, pay, close = saga(PLACE, PAY, "pivot Capture").steps
    assert place.bindings == ()
    assert told(place.undo_bindings) == {"id": message("OrderPlaced", "orderId"), "reason": Source(kind="rejection")}
    assert told(pay.bindings) == {
        "orderId": message("OrderPlaced", "orderId"),
        "amount": message("OrderPlaced", "total"),
        "token": Source(kind="absent"),  # sensitive: the event does not carry it
    }
    assert told(pay.undo_bindings) == {"id": message("Authorized", "paymentId")}
    assert told(close.bindings) == {"id": message("Authorized", "paymentId")}


def test_a_conductor_knows_what_earlier_commands_took() -> None:
    pay = saga(PLACE, PAY, "pivot Capture", mode="orchestration").steps[1]
    assert told(pay.bindings)["token"] == message("PlaceOrder", "token")


def test_for_each_item() -> None:
    reserve = saga(PLACE, "{do: Reserve, undo: Release, for-each: lines}", "pivot CloseOrder").steps[1]
    assert reserve.for_each == message("OrderPlaced", "lines")
    assert told(reserve.bindings) == {
        "sku": Source(kind="item", path=("sku",)),
        "orderId": message("OrderPlaced", "orderId"),
        "quantity": Source(kind="item", path=("quantity",)),
    }
    assert told(reserve.undo_bindings) == {
        "sku": Source(kind="item", path=("sku",)),
        "quantity": Source(kind="item", path=("quantity",)),
    }


@pytest.mark.parametrize("path", ["lines", "Order.lines", "OrderPlaced.lines"])
def test_for_each_by_any_name(path: str) -> None:
    step = saga(PLACE, f"{{do: Reserve, undo: Release, for-each: {path}}}", "pivot CloseOrder").steps[1]
    assert step.for_each == message("OrderPlaced", "lines")


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        ((PLACE, PAY, "pivot Capture", "CloseOrder"), ["compensatable", "compensatable", "pivot", "retriable"]),
        ((PLACE, PAY, "Capture"), ["compensatable", "compensatable", "pivot"]),
        ((PLACE, PAY), ["compensatable", "compensatable"]),
        (
            (PLACE, "{pivot: Authorize, with: {amount: Order.total}}", "pivot Capture"),
            ["compensatable", "pivot", "pivot"],
        ),
    ],
)
def test_kinds(steps: tuple[str, ...], kinds: list[str]) -> None:
    assert [each.kind for each in saga(*steps).steps] == kinds


def test_figures() -> None:
    found = saga(PLACE, "{pivot: CloseOrder, within: 10s}")
    assert (found.timeout, found.stuck, [each.within for each in found.steps]) == (300.0, "manual", [60.0, 10.0])
    assert saga(PLACE, "CloseOrder", more="    timeout: 20s\n").steps[0].within == 20.0


def test_undo_none_and_call() -> None:
    steps = saga(
        PLACE, "{call: Authorize, undo: none, with: {amount: Order.total}}", "pivot CloseOrder", mode="orchestration"
    ).steps
    assert (steps[1].call, steps[1].no_undo, steps[1].undo) == (True, True, None)


@pytest.mark.parametrize(
    ("steps", "mode", "code", "message"),
    [
        (("PlaceOrder / CancelOrder", "CloseOrder"), "choreography", "SPEC-29", "the input `reason` of `CancelOrder`"),
        ((PLACE, "Authorize / Void"), "choreography", "SPEC-29", "the input `amount` of `Authorize`"),
        ((PLACE, "call Capture"), "choreography", "SPEC-32", "nobody can call"),
        (("call PlaceOrder",), "orchestration", "SPEC-32", "asked by its caller"),
        ((PLACE, "{do: CloseOrder, undo: Void}"), "choreography", "SPEC-26", "belongs to `payment`"),
        ((PLACE, "{undo: Void}"), "choreography", "SPEC-14", "names no command"),
        ((PLACE, "{do: CloseOrder, with: {zip: total}}"), "choreography", "SPEC-30", "does not take `zip`"),
        ((PLACE, "{do: Authorize, undo: Void, with: {amount: Order.total, zip: total}}"), "choreography", "SPEC-30",
         "neither `Authorize` nor `Void` takes `zip`"),
        (("{do: PlaceOrder, with: {total: token}}", "CloseOrder"), "choreography", "SPEC-30", "comes from its caller"),
        ((PLACE, "{do: Authorize, with: {amount: Order.token}}"), "choreography", "SPEC-30", "tells of `Order.token`"),
        ((PLACE, "{do: Authorize, with: {amount: Order.customerId}}"), "choreography", "SPEC-30", "is `uuid`"),
        ((PLACE, "{do: Reserve, for-each: line}"), "choreography", "SPEC-30", "before `Reserve` tells of a list"),
        ((PLACE, "{pivot: Authorize, with: {amount: rejection}}"), "choreography", "SPEC-30", "an undo only"),
        ((PLACE, "CloseOrder", "CloseOrder"), "orchestration", "SPEC-26", "uses `CloseOrder` twice"),
        ((PLACE, "CloseOrder / CancelOrder"), "orchestration", "SPEC-26", "uses `CancelOrder` twice"),
        (("PlaceOrder / PlaceOrder",), "orchestration", "SPEC-26", "uses `PlaceOrder` twice"),
    ],
)  # fmt: skip
def test_mistakes(steps: tuple[str, ...], mode: str, code: str, message: str) -> None:
    _, found = read(text(*steps, mode=mode))
    assert code in {each.code for each in found}, said(found)
    assert any(message in each.message for each in found), said(found)


def test_an_unbound_input_names_step_input_and_candidates() -> None:
    _, found = read(text(PLACE, "Authorize / Void"))
    assert found[0].message == "step `Authorize`: nothing before it tells of the input `amount` of `Authorize`"
    assert found[0].hint == "write `with: {amount: …}` from `Order.total`"
    assert found[0].span is not None
    assert (found[0].span.line, found[0].span.column) == (text("").count("\n") + 1, 9)


def test_a_saga_without_steps() -> None:
    _, found = read(CONTEXTS + "sagas: {s: {steps: []}}\n")
    assert [each.code for each in found] == ["SPEC-14"]


def test_a_scheduled_command_is_no_step() -> None:
    _, found = read(
        text(PLACE, "CloseOrder").replace("  payment:", "    schedules: {CloseOrder: every day}\n  payment:", 1)
    )
    assert [each.code for each in found] == ["SPEC-26"], said(found)


def test_a_command_begins_one_saga() -> None:
    _, found = read(text(PLACE, "CloseOrder") + "  t: {steps: [PlaceOrder]}\n")
    assert [each.code for each in found] == ["SPEC-26"], said(found)
    assert found[0].message == "`PlaceOrder` begins the sagas `s` and `t`; only one of them would run"


def test_a_saga_begins_in_a_managed_context() -> None:
    _, found = read(text(PLACE, "CloseOrder").replace("  order:\n", "  order:\n    managed: false\n", 1))
    assert [each.code for each in found] == ["SPEC-26"], said(found)
