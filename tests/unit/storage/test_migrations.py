"""What a change of the specification does to numbered files, as far as no database has to say it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetgen.pipeline import check, migrations
from fleetgen.render.files import File

HEAD = """\
fleet: shop
teams: {people: 5}
contexts:
  order:
    purpose: Orders
    team: people
    aggregates:
      Order:
        fields: FIELDS
        MORE
        commands: {PlaceOrder: OrderPlaced}
"""
GEN = "services/order/src/shop_order/gen/migrations"
Known = dict[str, File]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fleet.yaml"


def release(
    file: Path, known: Known, fields: str, more: str = "", contracts: tuple[str, ...] = ()
) -> tuple[Known, list[str]]:
    file.write_text(HEAD.replace("FIELDS", fields).replace("MORE", more))
    checked = check(file)
    assert not checked.failed, checked.diagnostics
    made, found = migrations(checked, known, contracts)
    return dict(made), [item.code for item in found]


def names(known: Known) -> list[str]:
    return [path.removeprefix(f"{GEN}/") for path in known if path.endswith(".sql")]


def test_nothing_that_was_written_is_written_again(file: Path) -> None:
    first, _ = release(file, {}, "{size: int}")
    assert release(file, first, "{size: int}") == (first, [])
    second, _ = release(file, first, "{size: int, note: string}")
    third, _ = release(file, second, "{size: int, remark: {type: string, renamed-from: note}}")
    assert names(third) == [
        "0001_create_orders.sql", "0002_expand_orders.sql", "0003_expand_orders.sql", "0004_backfill_orders.sql",
    ]  # fmt: skip
    for earlier in (first, second):
        assert all(third[path] == earlier[path] for path in earlier if path.endswith(".sql"))
    again, _ = release(file, second, "{size: int, remark: {type: string, renamed-from: note}}")
    assert again == third


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (("{size: string}",), ("{size: int}",), "MIG-1"),
        (("{size: money}",), ("{size: {list: int}}",), "MIG-1"),
        (("{day: date}",), ("{size: {type: int, renamed-from: day}}",), "MIG-2"),
        (("{sku: string}", "key: sku"), ("{sku: string}", ""), "MIG-3"),
        (("{sku: string}", "key: sku"), ("{sku: uuid}", "key: sku"), "MIG-3"),
        (("{size: int}", "states: [open, paid]"), ("{size: int}", "states: [open]"), "MIG-4"),
        (
            ("{size: int}", "states: [open, paid]"),
            ("{size: int}", "states: [open, done]\n        former-states: {paid: done}"),
            "MIG-5",
        ),
    ],
)
def test_what_cannot_be_done_while_two_releases_run_is_refused(
    file: Path, before: tuple[str, ...], after: tuple[str, ...], code: str
) -> None:
    known, _ = release(file, {}, *before)
    made, codes = release(file, known, *after)
    assert code in codes
    assert made == known


def test_a_name_that_is_still_kept_in_step_cannot_be_used_again(file: Path) -> None:
    known, _ = release(file, {}, "{a: int}")
    known, _ = release(file, known, "{b: {type: int, renamed-from: a}}")
    for fields in ("{b: int, a: int}", "{c: {type: int, renamed-from: b}}"):
        made, codes = release(file, known, fields)
        assert codes[0] == "MIG-6"
        assert made == known
    known, codes = release(file, known, "{b: {type: int, renamed-from: a}}", contracts=("order",))
    assert codes == []
    known, _ = release(file, known, "{c: {type: int, renamed-from: b}}")
    assert names(known)[-2:] == ["0005_expand_orders.sql", "0006_backfill_orders.sql"]


def test_what_older_rows_cannot_have_is_told(file: Path) -> None:
    known, _ = release(file, {}, "{size: int}")
    assert release(file, known, "{size: int, day: date}")[1] == ["MIG-13", "MIG-7"]
    values = "values: {Line: {sku: string}}"
    known, _ = release(file, {}, "{lines: {list: Line}}", values)
    assert release(file, known, "{lines: {list: Line}}", "values: {Line: {sku: string, size: int}}")[1] == ["MIG-8"]


def test_a_contraction_is_a_step_of_its_own(file: Path) -> None:
    known, _ = release(file, {}, "{size: int}")
    assert release(file, known, "{size: int}", contracts=("order",))[1] == ["MIG-12"]
    assert release(file, known, "{size: int}", contracts=("nothing",))[1] == ["MIG-12"]
    made, codes = release(file, known, "{size: int, note: string}", contracts=("order",))
    assert (made, codes) == (known, ["MIG-11"])
    known, codes = release(file, known, "{size: int, note: string}")
    assert codes == ["MIG-13"]
    known, codes = release(file, known, "{size: int, note: string}", contracts=("order",))
    assert codes == []
    assert release(file, known, "{size: int, note: string}") == (known, [])


def test_no_column_is_dropped_without_the_word(file: Path) -> None:
    known, _ = release(file, {}, "{size: int, note: string}")
    known, codes = release(file, known, "{size: int}")
    assert codes == ["MIG-9"]
    assert release(file, known, "{size: int}", contracts=("order",))[1] == ["MIG-12"]
    known, codes = release(file, known, "{size: int}", "dropped: [note]", contracts=("order",))
    assert codes == []
    assert 'DROP COLUMN "note"' in known[f"{GEN}/0003_contract_orders.sql"].content.decode()
    every = b"".join(found.content for path, found in known.items() if "contract" not in path)
    assert b"DROP COLUMN" not in every
    assert b"DROP TABLE" not in every


@pytest.mark.parametrize(
    "change",
    [
        {"name": 'orders"; DROP TABLE x; --'},
        {"columns": [{"name": "id", "kind": "uuid; DROP TABLE x"}]},
        {"columns": [{"name": "id", "kind": "uuid", "default": "x'; DROP TABLE y; --"}]},
        {"moves": {"a": "b'; DROP TABLE y; --"}},
        {"views": ["a b"]},
        {"more": 1},
    ],
)
def test_what_the_tables_were_is_checked_before_it_becomes_sql(file: Path, change: dict[str, object]) -> None:
    known, _ = release(file, {}, "{size: int}")
    path = f"{GEN}/tables.json"
    document = json.loads(known[path].content)
    document["tables"][0] |= change
    hostile = {**known, path: File(json.dumps(document).encode())}
    assert release(file, hostile, "{size: int, note: string}") == (hostile, ["MIG-10"])


def test_the_specification_cannot_contradict_itself(file: Path) -> None:
    for fields, more in (
        ("{size: int}", "dropped: [size]"),
        ("{size: int}", "states: [open]\n        former-states: {open: open}"),
        ("{size: int}", "states: [open]\n        former-states: {paid: nowhere}"),
        ('{size: {type: int, renamed-from: "x\'; DROP TABLE y"}}', ""),
    ):
        file.write_text(HEAD.replace("FIELDS", fields).replace("MORE", more))
        assert check(file).failed
