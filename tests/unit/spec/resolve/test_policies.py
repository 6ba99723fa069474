"""Which aggregate a policy means, and where its command's inputs come from."""

from __future__ import annotations

import pytest
from tests.unit.spec.marked import read, resolved, said

from fleetgen.model.fleet import Policy, Source

ORDER = """\
fleet: f
contexts:
  order:
    aggregates:
      Order:
        fields: {customerId: uuid, total: money, lines: {list: Line}}
        values: {Line: {sku: string, quantity: int}}
        commands: {PlaceOrder: OrderPlaced, NoteOrder: OrderNoted, CloseOrder: {emits: OrderClosed, carries: [total]}}
"""


def policy(aggregate: str, written: str) -> Policy:
    text = ORDER + f"  other:\n    aggregates: {{{aggregate}}}\n    policies: {{{written}}}\n"
    return resolved(text).services[1].policies[0]


def message(*path: str, event: str = "OrderPlaced") -> Source:
    return Source(kind="message", message=event, path=path)


def bindings(found: Policy) -> dict[str, Source]:
    return {each.name: each.source for each in found.bindings}


def test_a_creating_command_takes_fields_by_name() -> None:
    found = policy(
        "Bill: {fields: {orderId: uuid, total: money, note: {optional: string}}, commands: {OpenBill: BillOpened}}",
        "OrderPlaced: OpenBill",
    )
    assert bindings(found) == {
        "orderId": message("orderId"),
        "total": message("total"),
        "note": Source(kind="absent"),
    }
    assert (found.found_by, found.found_value, found.for_each) == ("", None, None)


def test_the_event_carries_the_key_under_its_travelling_name() -> None:
    found = policy(
        "Bill: {commands: {OpenBill: BillOpened, Pay: {emits: Paid, takes: {orderId: uuid}}},"
        " queries: []}, Coupon: {fields: {billId: uuid}, commands: {MakeCoupon: CouponMade}}",
        "CouponMade: {do: Pay, with: {orderId: couponId}}",
    )
    assert bindings(found)["id"] == message("billId", event="CouponMade")


def test_the_same_aggregate_by_its_own_key() -> None:
    found = resolved(ORDER + "    policies: {OrderPlaced: NoteOrder}\n").services[0].policies[0]
    assert bindings(found) == {"id": message("orderId")}


def test_a_key_of_its_own_by_name() -> None:
    found = policy(
        "Account: {key: customerId, fields: {customerId: uuid}, commands: {Open: Opened, Touch: Touched}}",
        "OrderPlaced: Touch",
    )
    assert bindings(found) == {"customerId": message("customerId")}


def test_items_of_a_list() -> None:
    found = policy(
        "Stock: {key: sku, fields: {sku: string}, commands: {Open: Opened, Take: {emits: Taken, takes: "
        "{quantity: int, orderId: uuid}}}}",
        "OrderPlaced: {do: Take, for-each: lines}",
    )
    assert found.for_each == message("lines")
    assert bindings(found) == {
        "sku": Source(kind="item", path=("sku",)),
        "quantity": Source(kind="item", path=("quantity",)),
        "orderId": message("orderId"),
    }


def test_found_by_a_field_that_names_the_events_aggregate() -> None:
    found = policy(
        "Bill: {fields: {orderId: {optional: uuid}}, commands: {OpenBill: BillOpened, Pay: Paid}}", "OrderClosed: Pay"
    )
    assert found.found_by == "orderId"
    assert found.found_value == message("orderId", event="OrderClosed")
    assert found.bindings == ()


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("customerId", message("customerId")),
        ("event.customerId", message("customerId")),
        ("Order.customerId", message("customerId")),
        ("OrderPlaced.customerId", message("customerId")),
        ("Order.id", message("orderId")),
        ("'no one'", Source(kind="literal", value="no one")),
        ("total.currency", message("total", "currency")),
    ],
)
def test_with(written: str, source: Source) -> None:
    found = policy(
        "Bill: {fields: {payer: string}, commands: {OpenBill: BillOpened}}",
        f'OrderPlaced: {{do: OpenBill, with: {{payer: "{written}"}}}}',
    )
    assert bindings(found) == {"payer": source}


@pytest.mark.parametrize(
    ("of", "written", "value"),
    [("int", "3", 3), ("bool", "true", True), ("decimal", "5", "5"), ("{optional: int}", "0", 0)],
)
def test_literals(of: str, written: str, value: object) -> None:
    found = policy(
        f"Bill: {{fields: {{x: {of}}}, commands: {{OpenBill: BillOpened}}}}",
        f"OrderPlaced: {{do: OpenBill, with: {{x: {written}}}}}",
    )
    assert bindings(found) == {"x": Source(kind="literal", value=value)}


def test_several_commands_on_one_event() -> None:
    text = ORDER + "    policies: {OrderPlaced: [NoteOrder, {do: CloseOrder, waive: {EVT-9: both}}]}\n"
    first, second = resolved(text).services[0].policies
    assert [each.command.name for each in (first, second)] == ["NoteOrder", "CloseOrder"]
    assert second.waive == {"EVT-9": "both"}


def test_a_foreign_command_is_let_through_for_a_rule() -> None:
    found = policy("Bill: {commands: {OpenBill: BillOpened}}", "BillOpened: {do: NoteOrder, with: {id: billId}}")
    assert found.command.name == "NoteOrder"


@pytest.mark.parametrize(
    ("aggregate", "written", "code", "message"),
    [
        (
            "B: {fields: {x: int}, commands: {O: P}}",
            "OrderPlaced: {do: O, with: {x: rejection}}",
            "SPEC-30",
            "an undo only",
        ),
        (
            "B: {fields: {x: int}, commands: {O: P}}",
            "OrderPlaced: {do: O, with: {x: true}}",
            "SPEC-30",
            "of another type",
        ),
        (
            "B: {fields: {x: int}, commands: {O: P}}",
            "OrderPlaced: {do: O, with: {x: Order.zip}}",
            "SPEC-30",
            "`Order.zip`",
        ),
        ("B: {fields: {x: int}, commands: {O: P}}", "OrderPlaced: O", "SPEC-29", "the input `x` of `O`"),
        ("B: {commands: {O: P, Q: R}}", "OrderPlaced: Q", "SPEC-31", "which `B` is meant"),
        ("B: {commands: {O: P}}", "OrderPlaced: {do: O, for-each: total}", "SPEC-30", "no list `total`"),
    ],
)
def test_mistakes(aggregate: str, written: str, code: str, message: str) -> None:
    _, found = read(ORDER + f"  other:\n    aggregates: {{{aggregate}}}\n    policies: {{{written}}}\n")
    assert [each.code for each in found] == [code], said(found)
    assert message in found[0].message


def test_a_scheduled_command_is_not_for_policies() -> None:
    _, found = read(
        ORDER.replace("NoteOrder: OrderNoted", "TidyUp: TidiedUp")
        + "    schedules: {TidyUp: every day}\n    policies: {OrderPlaced: TidyUp}\n"
    )
    assert [each.code for each in found] == ["SPEC-32"], said(found)


def test_copies_and_subscriptions() -> None:
    fleet = resolved(
        ORDER + "  other:\n    subscribes: [OrderPlaced]\n    copies: {orders: {from: [OrderPlaced], key: orderId}}\n"
    )
    service = fleet.services[1]
    assert [each.name for each in service.subscribes] == ["OrderPlaced"]
    assert (service.copies[0].key, [each.name for each in service.copies[0].events]) == ("orderId", ["OrderPlaced"])
    _, found = read(ORDER + "  other:\n    copies: {orders: {from: [OrderPlaced], key: sku}}\n")
    assert [each.code for each in found] == ["SPEC-34"]
