"""Every code fires, at its place, with a hint that says what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.spec.marked import read, said, unmark

from fleetgen.core.diagnostic import Severity
from fleetgen.spec.codes import Code
from fleetgen.spec.load import load, load_text

ORDER = """\
fleet: shop
contexts:
  order:
    aggregates:
      Order:
        fields: {customerId: uuid, total: money, lines: {list: Line}}
        values: {Line: {sku: string, quantity: int}}
        states: [placed, cancelled]
        commands:
          PlaceOrder: OrderPlaced
          CancelOrder: {emits: OrderCancelled, from: placed}
"""
SHIPPING = """\
  shipping:
    aggregates:
      Shipment:
        fields: {orderId: uuid, weight: {optional: int}}
        commands:
          CreateShipment: ShipmentCreated
          SendShipment: ShipmentSent
"""


def order(**parts: str) -> str:
    """The order context with one part of the aggregate replaced or added."""
    text = ORDER
    for key, value in parts.items():
        line = f"        {key.replace('_', '-')}: {value}\n"
        text, count = re.subn(
            rf"        {key.replace('_', '-')}:.*\n(?:          .*\n)*", lambda _, new=line: new, text
        )
        text = text if count else text + line
    return text


CASES: list[tuple[Code, str, str]] = [
    # reading
    (Code.EMPTY_FILE, "# nothing yet\n", "begin with `fleet: <name>`"),
    (Code.TAB, "fleet: shop\ncontexts:\n«\t»order: {}\n", "indent with spaces"),
    (Code.BROKEN_YAML, "fleet: shop\ncontexts: {order: {purpose: a«:» b}}\n", "close the mapping"),
    (Code.BROKEN_YAML, "fleet: shop\npurpose: a«:» b\n", "put quotes"),
    (Code.BROKEN_YAML, 'fleet: shop\nvision: «"\\ud83d"»\ncontexts: {}\n', "the character itself"),
    (Code.DUPLICATE_KEY, "fleet: shop\n«fleet»: shop\ncontexts: {}\n", "keep one"),
    (Code.ANCHOR, "fleet: shop\ncontexts: {order: «&a »{}}\n", "remove `&a`"),
    (Code.ANCHOR, "fleet: shop\ncontexts: {order: {}}\nload: «*a»\n", "write the value here"),
    (Code.ANCHOR, "fleet: shop\ncontexts:\n  «<<»: {order: {}}\n", "write the keys here"),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nzero-trust: «on»\ncontexts: {}\n", 'write `true` or `"on"`'),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nvision: «NO»\ncontexts: {}\n", 'write `false` or `"NO"`'),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nvision: «012»\ncontexts: {}\n", 'write `12` or `"012"`'),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nslo: {mttr: «1:30»}\ncontexts: {}\n", "write `90s` for a duration"),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nload: {users: «.inf»}\ncontexts: {}\n", "write a finite number"),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nvision: «2026-01-01»\ncontexts: {}\n", 'write `"2026-01-01"`'),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nload: {users: «1_000»}\ncontexts: {}\n", "write `1000`"),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nload: {users: «0x1F»}\ncontexts: {}\n", "in decimal"),
    (Code.AMBIGUOUS_SCALAR, "fleet: shop\nload: {users: «1e3»}\ncontexts: {}\n", "without an exponent"),
    (Code.SEVERAL_DOCUMENTS, "fleet: shop\ncontexts: {}\n«---»\nfleet: two\n", "keep one document"),
    (Code.TAG, "fleet: shop\nvision: «!secret »x\ncontexts: {}\n", "remove the tag"),
    (Code.TOO_DEEP, "fleet: shop\ncontexts: {}\nextensions: {x: " + "[" * 31 + "«[»" + "]" * 32 + "}\n", ""),
    # form
    (Code.UNKNOWN_KEY, "fleet: shop\ncontexts:\n  order: {«pupose»: Orders}\n", "write `purpose`"),
    (Code.UNKNOWN_KEY, "fleet: shop\n«zzzzz»: 1\ncontexts: {}\n", "choose from `fleet`"),
    (Code.MISSING_KEY, "«domain»: Shop\ncontexts: {}\n", "write `fleet: shop`"),
    (Code.WRONG_KIND, "fleet: shop\ncontexts: «[»order]\n", "write `name: …`"),
    (Code.WRONG_KIND, "fleet: shop\ncontexts: {order: {api: «{»rest: true}}}\n", "write `[…]`"),
    (Code.UNKNOWN_WORD, "fleet: shop\ncontexts: {order: {subdomain: «cor»}}\n", "write `core`"),
    (Code.UNKNOWN_WORD, "fleet: shop\ncontexts: {order: {stores: {primary: «postgresq»}}}\n", "write `postgresql`"),
    (Code.BAD_QUANTITY, "fleet: shop\nload: {peak: «800»}\ncontexts: {}\n", "as `800/s`"),
    (Code.BAD_QUANTITY, "fleet: shop\nslo: {mttr: «15»}\ncontexts: {}\n", "write `15s`"),
    (Code.BAD_QUANTITY, "fleet: shop\nslo: {mttr: 15«min»}\ncontexts: {}\n", "choose from `ms`"),
    (Code.BAD_QUANTITY, "fleet: shop\nslo: {availability: «101%»}\ncontexts: {}\n", "at most `100%`"),
    (Code.BAD_QUANTITY, "fleet: shop\nteams: {a: «many»}\ncontexts: {}\n", "digits only"),
    (Code.BAD_NAME, "fleet: shop\ncontexts: {«OrderManagement»: {}}\n", "write `order-management`"),
    (Code.BAD_NAME, order(fields="{«CustomerID»: uuid}"), "write `customerId`"),
    (Code.BAD_NAME, "fleet: shop\ncontexts: {«bücher»: {}}\n", "no accents"),
    (Code.BAD_NAME, "fleet: shop\norganisation: «Example Inc»\ncontexts: {}\n", "the form is"),
    (Code.NAME_TOO_LONG, f"fleet: shop\ncontexts: {{«{'a' * 41}»: {{}}}}\n", "at most 40"),
    (Code.NAME_TOO_LONG, order(fields="{«" + "a" * 46 + "»: uuid}"), "at most 45"),
    (Code.NAME_TOO_LONG, order(values="{Line: {sku: string}, «" + "LongName" * 6 + "»: {a: int}}"), "at most 50"),
    (Code.AMBIGUOUS_SCALAR, order(fields="{«true»: uuid}"), 'write `"true"`'),
    (Code.RESERVED_NAME, "fleet: shop\ncontexts: {«con»: {}}\n", "choose another word"),
    (Code.RESERVED_NAME, "fleet: shop\ncontexts: {«order-service»: {}}\n", "write `order`"),
    (Code.RESERVED_NAME, "fleet: shop\ncontexts: {«registry»: {}}\n", "choose another word"),
    (Code.RESERVED_NAME, order(values="{Line: {sku: string}, «OrderState»: {a: int}}"), "rename it"),
    (Code.RESERVED_NAME, order(values="{Line: {sku: string}, «PlaceOrderHandler»: {a: int}}"), "rename it"),
    (
        Code.RESERVED_NAME,
        order(values="{Line: {sku: string}, «GetOrderResult»: {a: int}}", queries="[GetOrder]"),
        "rename it",
    ),
    (Code.RESERVED_NAME, "fleet: shop\ncontexts: {order: {aggregates: {«Money»: {}}}}\n", "choose another word"),
    (Code.RESERVED_NAME, order(commands="{PlaceOrder: «OrderPlacedEvent»}"), "write `OrderPlaced`"),
    (Code.RESERVED_NAME, order(fields="{«state»: string}"), "choose another word"),
    (Code.RESERVED_NAME, order(fields="{«orderId»: uuid}"), "write `key: orderId`"),
    (Code.BAD_TYPE, order(fields="{total: «strng»}"), "write `string`"),
    (Code.BAD_TYPE, order(fields="{total: «float»}"), "write `decimal`"),
    (Code.BAD_TYPE, order(fields="{total: {list: «Lin»}}"), "write `Line`"),
    (Code.BAD_TYPE, order(fields="{total: {«list»: {list: int}}}"), "make its items a value"),
    (Code.BAD_EXPRESSION, order(invariants='["total «==» total"]'), "write `=`"),
    (Code.BAD_EXPRESSION, order(invariants='["size(lines«"»]'), ""),
    (Code.BAD_EXPRESSION, order(invariants='["«count»(lines) > 0"]'), "write `size(…)`"),
    (Code.BAD_STEP, ORDER + "sagas: {checkout: {steps: [«PlaceOrder -> CancelOrder»]}}\n", "write `Do`, `Do / Undo`"),
    (Code.BAD_RELATION, ORDER + SHIPPING + "context-map: [«order => shipping»]\n", "write `upstream"),
    (Code.BAD_RELATION, ORDER + SHIPPING + 'context-map: ["order [«XYZ»] -> shipping"]\n', "choose from `OHS`"),
    (
        Code.BAD_SCHEDULE,
        order(commands="{PlaceOrder: OrderPlaced, TidyUp: TidiedUp}") + "    schedules: {TidyUp: every «moon»}\n",
        "write `every day at 02:00`",
    ),
    (
        Code.BAD_QUANTITY,
        order(commands="{PlaceOrder: OrderPlaced}")
        + "    models: {m: {scores: PlaceOrder, versions: «{»v1: 50%, v2: 49%}}}\n",
        "`100%` together",
    ),
    # references
    (Code.DUPLICATE_NAME, order(commands="{PlaceOrder: OrderPlaced, CancelOrder: «Orderplaced»}"), "rename one"),
    (Code.DUPLICATE_NAME, order(states="[placed, «placed»]"), "keep one"),
    (
        Code.DUPLICATE_NAME,
        order(fields="{«address»: string, shipTo: {type: string, renamed-from: address}}"),
        "take `address` away",
    ),
    (
        Code.DUPLICATE_NAME,
        "fleet: shop\ncontexts:\n  order:\n    aggregates:\n      Bus: {commands: {AddBus: BusAdded}}\n"
        "      «Buse»: {commands: {AddBuse: BuseAdded}}\n",
        "rename one",
    ),
    (
        Code.RESERVED_NAME,
        order(fields="{limit: int, lines: {list: Line}}", queries="{FindOrders: {takes: [«limit»]}}"),
        "rename the field",
    ),
    (
        Code.DUPLICATE_NAME,
        order(commands="{PlaceOrder: OrderPlaced, GetOrder: OrderGot}", queries="[«GetOrder»]"),
        "rename one",
    ),
    (Code.UNKNOWN_REFERENCE, ORDER + "    policies: {«OrderPlacd»: CancelOrder}\n", "write `OrderPlaced`"),
    (
        Code.UNKNOWN_REFERENCE,
        ORDER + "sagas: {checkout: {steps: [PlaceOrder / «CancelOrdr»]}}\n",
        "write `CancelOrder`",
    ),
    (Code.UNKNOWN_REFERENCE, order(partition_by="«customer»"), "write `customerId`"),
    (Code.UNKNOWN_REFERENCE, order(key="«number»"), ""),
    (Code.UNKNOWN_REFERENCE, ORDER + "context-map: [order -> «shiping»]\n", ""),
    (Code.UNKNOWN_REFERENCE, ORDER + "externals: {mail: {purpose: Mail, used-by: [«orders»]}}\n", "write `order`"),
    (Code.EXPRESSION_TYPE, order(invariants='["total «>» 5"]'), "write `.amount`"),
    (Code.EXPRESSION_TYPE, order(invariants='["«totl».amount > 5"]'), "write `total`"),
    (Code.EXPRESSION_TYPE, order(invariants="«total.amount»"), "write a comparison"),
    (Code.EXPRESSION_TYPE, order(invariants='["state = «plced»"]'), "write `placed`"),
    (
        Code.UNBOUND_INPUT,
        (ORDER + SHIPPING).replace("orderId", "ticket") + "    policies: {OrderPlaced: «CreateShipment»}\n",
        "write `with: {ticket: …}` from `Order.orderId`",
    ),
    (
        Code.UNBOUND_INPUT,
        (ORDER + SHIPPING).replace("orderId", "ticket") + "sagas: {s: {steps: [PlaceOrder, «CreateShipment»]}}\n",
        "write `with: {ticket: …}` from `Order.orderId`",
    ),
    (
        Code.BAD_BINDING,
        ORDER + SHIPPING + "    policies: {OrderPlaced: {do: CreateShipment, with: {orderId: «customr»}}}\n",
        "write `customerId`",
    ),
    (
        Code.BAD_BINDING,
        ORDER + SHIPPING + "    policies: {OrderPlaced: {do: CreateShipment, with: {orderId: «total»}}}\n",
        "type `uuid`",
    ),
    (
        Code.BAD_BINDING,
        ORDER + SHIPPING + "    policies: {OrderPlaced: {do: CreateShipment, for-each: «line»}}\n",
        "`lines`",
    ),
    (
        Code.BAD_BINDING,
        ORDER + SHIPPING + "    policies: {OrderPlaced: {do: CreateShipment, with: {«wait»: 3}}}\n",
        "`weight`",
    ),
    (
        Code.NO_TARGET,
        (ORDER + SHIPPING).replace("orderId", "ticket") + "    policies: {«OrderPlaced»: SendShipment}\n",
        "give `Shipment` a field `orderId`",
    ),
    (
        Code.CONFLICTING_KEYS,
        ORDER + "sagas: {checkout: {steps: [{do: PlaceOrder, pivot: «CancelOrder»}]}}\n",
        "one of `do`",
    ),
    (Code.CONFLICTING_KEYS, order(commands="{PlaceOrder: {emits: OrderPlaced, from: «placed»}}"), "remove `from`"),
    (Code.CONFLICTING_KEYS, order(fields="{«id»: string}"), "write `key: id`"),
    (
        Code.UNSET_FIELD,
        order(commands="{«PlaceOrder»: {emits: OrderPlaced, takes: [customerId]}}"),
        "name it in `takes`",
    ),
    (Code.EVENT_CONTENTS, order(commands="{PlaceOrder: OrderPlaced, CancelOrder: «OrderPlaced»}"), "with `carries`"),
    (Code.EVENT_CONTENTS, order(partition_by="«total»"), "choose a string"),
    (Code.NEVER_REFUSES, order(commands="{PlaceOrder: {emits: OrderPlaced, or: «OrderRefused»}}"), "write a condition"),
    (
        Code.FIXED_FIELD,
        order(
            commands="{PlaceOrder: OrderPlaced, Move: {emits: Moved, takes: «[»customerId]}}", partition_by="customerId"
        ),
        "leave it",
    ),
]


@pytest.mark.parametrize(
    ("code", "text", "hint"), CASES, ids=[f"{code.code}-{n}" for n, (code, *_) in enumerate(CASES)]
)
def test_fires_at_its_place(code: Code, text: str, hint: str) -> None:
    marked = unmark(text)
    _, found = read(marked.text)
    fitting = [each for each in found if each.code == code.code]
    assert fitting, said(found)
    if marked.line:
        places = [(each.span.line, each.span.column) for each in fitting if each.span]
        assert (marked.line, marked.column) in places, said(found)
    assert any(hint in each.hint for each in fitting), said(found)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, text, _ in CASES], ids=range(len(CASES)))
def test_nothing_else_is_reported_beside_it(code: Code, text: str) -> None:
    """One mistake is one message: what follows from it stays silent."""
    _, found = read(unmark(text).text)
    assert {each.code for each in found} == {code.code}, said(found)


def test_every_code_has_a_case() -> None:
    elsewhere = {Code.UNREADABLE_FILE, Code.NOT_UTF8, Code.FILE_TOO_LARGE}  # need a file, below
    assert {code for code, *_ in CASES} | elsewhere == set(Code)


@pytest.mark.parametrize("text", [text for _, text, _ in CASES])
def test_messages_read_alike(text: str) -> None:
    """One sentence, lower case, no full stop; a hint is not a sentence of its own either."""
    _, found = read(unmark(text).text)
    for each in found:
        assert each.span is not None
        assert not each.message.endswith(".")
        assert each.message[0] == "`" or each.message[0].islower() or each.message.startswith("UTF"), each.message
        assert not each.hint.endswith("."), each.hint
        assert each.name == next(code.kebab for code in Code if code.code == each.code)


def test_missing_file(tmp_path: Path) -> None:
    document, found = load(tmp_path / "fleet.yaml")
    assert document is None
    assert [each.code for each in found] == ["SPEC-1"]
    assert "no such file" in found[0].message


def test_folder_without_specification(tmp_path: Path) -> None:
    document, found = load(tmp_path)
    assert document is None
    assert found[0].code == "SPEC-1"
    assert "name a `fleet.yaml`" in found[0].hint


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [(b"fleet: shop\ndomain: caf\xe9\n", 2, 12), ("fleet: shop\n".encode("utf-16"), 1, 1), (b"\xff", 1, 1)],
)
def test_not_utf8(tmp_path: Path, data: bytes, line: int, column: int) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(data)
    document, found = load(path)
    assert document is None
    assert [each.code for each in found] == ["SPEC-2"]
    assert found[0].span is not None
    assert (found[0].span.line, found[0].span.column) == (line, column)
    assert found[0].hint == "save the file as UTF-8"


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(b"fleet: shop\n" + b"# padding\n" * 1_000_000)
    document, found = load(path)
    assert document is None
    assert [each.code for each in found] == ["SPEC-4"]
    assert "10,000,012 bytes" in found[0].message
    assert "contexts/<name>.yaml" in found[0].hint


def test_a_warning_does_not_stop() -> None:
    fleet, found = read(unmark(next(text for code, text, _ in CASES if code is Code.NEVER_REFUSES)).text)
    assert fleet is not None
    assert [each.severity for each in found] == [Severity.WARNING]


def test_all_problems_in_one_run() -> None:
    text = ORDER.replace("customerId: uuid", "customerId: uid").replace("from: placed", "from: plced")
    _, found = read(text + "    policies: {OrderPlacd: CancelOrder}\nzzz: 1\n")
    assert {"SPEC-23", "SPEC-22", "SPEC-13"} <= {each.code for each in found}
    assert found == tuple(dict.fromkeys(found))


def test_no_document_only_where_nothing_can_be_read() -> None:
    document, found = load_text("fleet: shop\nzzz: 1\n")
    assert document is not None
    assert document.flawed
    assert {each.code for each in found} == {"SPEC-13", "SPEC-14"}
