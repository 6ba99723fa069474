"""Keys, commands, events, queries: what the short forms mean."""

from __future__ import annotations

import textwrap

import pytest
from tests.unit.spec.marked import read, resolved, said

from fleetgen.model.fleet import Aggregate, Fleet
from fleetgen.model.types import Type


def fleet(body: str, more: str = "") -> Fleet:
    """One context `shop` with one aggregate `Item`."""
    return resolved(
        "fleet: f\ncontexts:\n  shop:\n    aggregates:\n      Item:\n"
        + textwrap.indent(textwrap.dedent(body).rstrip() + "\n", " " * 8)
        + more
    )


def item(body: str, more: str = "") -> Aggregate:
    return fleet(body, more).aggregates["Item"]


def names(fields: object) -> list[str]:
    return [each.name for each in fields]  # type: ignore[attr-defined]


def test_key_is_a_uuid_made_here() -> None:
    found = item("fields: {name: string}\ncommands: {AddItem: ItemAdded, DropItem: ItemDropped}")
    assert (found.key.name, found.key.type, found.key_generated) == ("id", Type("uuid"), True)
    assert names(found.fields) == ["id", "name"]
    add, drop = found.commands
    assert (add.target, names(add.inputs), add.sets) == ("new", ["name"], ("name",))
    assert (drop.target, names(drop.inputs)) == ("existing", ["id"])


def test_key_that_is_given() -> None:
    found = item("key: sku\nfields: {name: string, sku: string}\ncommands: {AddItem: ItemAdded, DropItem: ItemDropped}")
    assert not found.key_generated
    assert names(found.fields) == ["sku", "name"]
    add, drop = found.commands
    assert names(add.inputs) == ["sku", "name"]
    assert add.sets == ("name",)
    assert names(drop.inputs) == ["sku"]
    assert (drop.emits.subject, drop.emits.key, names(drop.emits.fields)) == ("sku", "sku", ["sku"])


def test_id_written_out_is_still_made_here_and_given_with_key() -> None:
    assert item("fields: {id: uuid}\ncommands: {AddItem: ItemAdded}").key_generated
    assert not item("key: id\nfields: {id: uuid}\ncommands: {AddItem: ItemAdded}").key_generated


def test_events_carry_key_order_and_what_was_taken() -> None:
    found = item(
        """\
        fields: {owner: uuid, name: string, card: string, size: int}
        sensitive: {pan: [card], pii: [name]}
        partition-by: owner
        commands:
          AddItem: ItemAdded
          MoveItem: {emits: ItemMoved, takes: {place: string}, carries: [size]}
          SellItem: {emits: ItemSold, or: {ItemKept: price.amount > size}, takes: {price: money}, carries: [name]}
        """
    )
    added, moved, sold = (each.emits for each in found.commands)
    assert names(added.fields) == ["itemId", "owner", "size"]
    assert names(moved.fields) == ["itemId", "owner", "place", "size"]
    assert names(sold.fields) == ["itemId", "owner", "price", "name"]
    assert (sold.key, sold.subject) == ("owner", "itemId")
    assert [each.sensitive for each in sold.fields] == ["", "", "", "pii"]
    kept = found.commands[2].rejection
    assert kept is not None
    assert kept.fields == sold.fields


def test_states_by_the_ends_of_events() -> None:
    found = item(
        """\
        states: [draft, placed, partlyShipped, shipped]
        commands:
          StartItem: ItemBegun
          PlaceItem: {emits: ItemPlaced, from: draft}
          ShipPart: {emits: ItemPartlyShipped, from: [placed, partlyShipped]}
          NoteItem: ItemNoted
          CloseItem: {emits: ItemClosed, to: shipped}
        """
    )
    assert [each.to for each in found.commands] == ["draft", "placed", "partlyShipped", "", "shipped"]
    assert found.commands[2].allowed_from == ("placed", "partlyShipped")


def test_rejection_with_condition_and_state() -> None:
    found = item(
        """\
        fields: {total: money}
        states: [open, refused]
        commands:
          AddItem: {emits: ItemOpen, or: {ItemRefused: total.amount > 100}}
        """
    )
    command = found.commands[0]
    assert command.reject_when_text == "total.amount > 100"
    assert command.reject_when is not None
    assert command.reject_when.left.scope == "input"  # type: ignore[union-attr]
    assert command.rejected_to == "refused"


def test_changes_win_over_inputs_of_the_same_name() -> None:
    found = item(
        """\
        fields: {count: int, note: {optional: string}}
        commands:
          AddItem: ItemAdded
          CountItem: {emits: ItemCounted, takes: {count: int, note: string}, changes: {count: count + 1}}
        """
    )
    count = found.commands[1]
    assert count.sets == ("note",)
    assert [(each.field, each.text) for each in count.changes] == [("count", "count + 1")]
    assert count.changes[0].expression.left.scope == "input"  # type: ignore[union-attr]


def test_a_creating_command_may_change_instead_of_take() -> None:
    found = item("fields: {count: int}\ncommands: {AddItem: {emits: ItemAdded, takes: [], changes: {count: 0}}}")
    assert found.commands[0].inputs == ()
    assert [each.field for each in found.commands[0].changes] == ["count"]


def test_two_commands_that_create() -> None:
    found = item(
        "fields: {count: {optional: int}}\n"
        "commands: {AddItem: ItemAdded, FindItem: {emits: ItemFound, creates: true, takes: []}, DropItem: ItemDropped}"
    )
    assert [each.target for each in found.commands] == ["new", "new", "existing"]


def test_a_scheduled_command_concerns_no_aggregate() -> None:
    found = fleet("commands: {TidyUp: TidiedUp, AddItem: ItemAdded}", "    schedules: {TidyUp: every day at 02:00}\n")
    tidy, add = found.aggregates["Item"].commands
    assert tidy.target == "collection"
    assert names(tidy.inputs) == ["scheduledFor"]
    assert names(tidy.emits.fields) == ["scheduledFor"]
    assert (tidy.emits.key, tidy.emits.subject) == ("scheduledFor", "scheduledFor")
    assert add.target == "new"
    schedule = found.services[0].schedules[0]
    assert (schedule.command, schedule.cron) == (tidy, "0 2 * * *")


def test_scopes_and_exposure() -> None:
    text = (
        "fleet: f\ncontexts:\n  shop:\n    exposure: public\n    aggregates:\n      Item:\n        queries: [GetItem]\n"
        "        commands: {AddItem: ItemAdded, DropItem: {emits: ItemDropped, exposure: internal, scopes: [admin]}}\n"
    )
    found = resolved(text).aggregates["Item"]
    assert [(each.exposure, each.scopes) for each in found.commands] == [
        ("public", ("shop:add-item",)),
        ("internal", ("admin",)),
    ]
    assert (found.queries[0].exposure, found.queries[0].scopes) == ("public", ("shop:get-item",))


def test_queries_are_filled_in() -> None:
    found = item(
        """\
        fields: {owner: uuid, name: {optional: string}, card: string, price: money, text: text, mail: string}
        sensitive: {pan: [card], pii: [mail]}
        states: [open]
        commands: {AddItem: ItemAdded}
        queries:
          GetItem:
          SearchItems:
          PickItems: {takes: [owner], gives: [name, state]}
          ItemByKey: {takes: id}
        """
    )
    get, search, pick, by_key = found.queries
    assert (get.kind, names(get.takes)) == ("by-key", ["id"])
    assert names(get.gives) == ["id", "owner", "name", "price", "text", "mail", "state"]
    assert (search.kind, names(search.takes)) == ("search", ["id", "owner", "name", "state"])
    assert {each.type.kind for each in search.takes} == {"optional"}
    assert (pick.kind, names(pick.takes), names(pick.gives)) == ("search", ["owner"], ["name", "state"])
    assert by_key.kind == "by-key"


def test_read_models() -> None:
    found = item(
        """\
        fields: {owner: uuid}
        partition-by: owner
        commands: {AddItem: ItemAdded, DropItem: ItemDropped}
        read-models: {OwnersItems: {key: owner, from: [ItemAdded, ItemDropped], stale-at-most: 2s}}
        """
    )
    model = found.read_models[0]
    assert (model.key, names(model.events), model.stale_at_most) == ("owner", ["ItemAdded", "ItemDropped"], 2.0)


def test_values_may_be_shared_and_nested() -> None:
    found = item(
        """\
        fields: {lines: {list: Line}}
        values: {Line: {price: Price}, Price: {amount: money}}
        invariants: [size(lines) > 0]
        commands: {AddItem: ItemAdded}
        """
    )
    assert names(found.values) == ["Line", "Price"]


def test_renames_waivers_and_versions() -> None:
    found = item(
        """\
        renamed-from: Thing
        waive: {SVC-7: small on purpose}
        fields: {count: {type: int, renamed-from: number}}
        commands: {AddItem: {emits: ItemAdded, renamed-from: MakeItem}}
        events: {ItemAdded: {version: 2, renamed-from: ItemMade}}
        """
    )
    assert found.renamed_from == "Thing"
    assert found.waive == {"SVC-7": "small on purpose"}
    assert found.fields[1].renamed_from == "number"
    assert found.commands[0].renamed_from == "MakeItem"
    assert (found.commands[0].emits.version, found.commands[0].emits.renamed_from) == (2, "ItemMade")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("values: {Line: {next: {optional: Line}}}", "`Line` holds itself"),
        ("values: {Line: {}}", "`Line` has no fields"),
        ("key: price\nfields: {price: money}", "a key is a string"),
        (
            "fields: {count: int}\ncommands: {AddItem: {emits: ItemAdded, takes: {count: string}}}",
            "whose field it sets",
        ),
        ("commands: {AddItem: {emits: ItemAdded, takes: [id]}}", "the key is made by the command itself"),
        ("commands: {AddItem: ItemAdded, B: {emits: C, takes: {id: uuid}}}", "the key is always taken"),
        ("commands: {AddItem: {emits: ItemAdded, takes: {itemId: uuid}}}", "travels in its events"),
        ("commands: {AddItem: {emits: ItemAdded, or: {A: 1 > 2, B: 1 > 2}}}", "has 2 rejections"),
        ("fields: {a: int}\ncommands: {AddItem: {emits: ItemAdded, changes: {a: true}}}", "`a` is `int`"),
        ("fields: {aB: int, ab: int}", "differ in case only"),
        ("sensitive: {pii: [name]}", "no field of `Item` `name`"),
        ("events: {Gone: {version: 2}}", "no event of `Item` `Gone`"),
        ("queries: {Fetch: {gives: [id]}}", "does not say what it takes"),
        ("fields: {price: money}\nqueries: {Search: {takes: [price]}}", "by which nothing can be found"),
        ("read-models: {M: {key: x, from: [Gone]}}", "no own event `Gone`"),
        ("commands: {AddItem: ItemAdded}\nread-models: {M: {key: x, from: [ItemAdded]}}", "does not carry `x`"),
        ("fields: {a: int}\nsensitive: {pii: [b]}\npartition-by: a\nkey: a", "no field of `Item` `b`"),
        ("fields: {a: string}\nsensitive: {pii: [a]}\npartition-by: a", "is sensitive (pii)"),
    ],
)
def test_mistakes(body: str, message: str) -> None:
    _, found = read(
        "fleet: f\ncontexts:\n  shop:\n    aggregates:\n      Item:\n" + textwrap.indent(body + "\n", " " * 8)
    )
    assert len(found) == 1, said(found)
    assert message in found[0].message


def test_a_broken_part_does_not_drag_others_along() -> None:
    """Every message is about a mistake of its own: nothing follows from a type that cannot be read."""
    _, found = read(
        "fleet: f\ncontexts:\n  shop:\n    aggregates:\n      Item:\n"
        "        fields: {total: mony, count: int}\n"
        "        partition-by: count\n"
        '        invariants: ["total.amount > 0"]\n'
        "        commands: {AddItem: {emits: ItemAdded, or: {ItemRefused: total.amount > 5}}, Change: {or: X}}\n"
        "    policies: {ItemAdded: Change}\n"
    )
    assert [each.code for each in found] == ["SPEC-23", "SPEC-14"], said(found)


def test_foreign_values_and_aggregates_are_let_through_for_rules() -> None:
    found = resolved(
        "fleet: f\ncontexts:\n"
        "  a: {aggregates: {One: {fields: {two: Two}, commands: {MakeOne: OneMade}}}}\n"
        "  b: {aggregates: {Two: {commands: {MakeTwo: TwoMade}}}}\n"
    )
    assert found.aggregates["One"].fields[1].type == Type("value", value="Two")
