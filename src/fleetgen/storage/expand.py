"""From the tables as they are to those that a specification asks for, so that the release before can still use them.

Nothing is taken away here: what is no longer wanted is marked, and a contraction deals with it later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.core.names import snake
from fleetgen.model.fleet import Aggregate, Service
from fleetgen.storage import reports, sql
from fleetgen.storage.tables import Column, Index, Table, Tables
from fleetgen.storage.wanted import VERSION, former_table, short, table_name, wanted


@dataclass
class Steps:
    """What is to be done: `statements` in one transaction, `batches` after it, each outside of one."""

    statements: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    touched: dict[str, None] = field(default_factory=dict)  # names of tables
    diagnostics: list[Diagnostic] = field(default_factory=list)


def expand(base: Tables, service: Service) -> tuple[Tables, Steps]:
    """The tables afterwards, and the way there."""
    steps = Steps()
    target = wanted(service)
    tables = {table.name: table for table in base.tables}
    for aggregate in service.aggregates:
        want = target.table(table_name(aggregate))
        assert want is not None  # `wanted` makes one for each aggregate
        there = _found(tables, want, aggregate, target, steps)
        tables[want.name] = _create(want, steps) if there is None else _Expansion(there, want, aggregate, steps).done()
    for name, table in tables.items():
        if target.table(name) is None and not table.removed:
            tables[name] = table.model_copy(update={"removed": True})
            steps.touched[name] = None
            word = f"dropped: [{table.aggregate}]"
            steps.diagnostics.append(reports.kept(f"the table `{name}`", word, service.span))
    return Tables(tables=tuple(tables[name] for name in sorted(tables))), steps


def _create(want: Table, steps: Steps) -> Table:
    steps.touched[want.name] = None
    steps.statements.append(sql.create_table(want))
    steps.statements += [sql.create_index(want.name, index.name, index.columns) for index in want.indexes]
    return want


def _found(tables: dict[str, Table], want: Table, aggregate: Aggregate, target: Tables, steps: Steps) -> Table | None:
    """The table of the aggregate, under its new name; a former name stays as a view."""
    former = former_table(aggregate)
    if want.name in tables or former not in tables or target.table(former) or tables[former].removed:
        return tables.get(want.name)
    before = tables.pop(former)
    old_function = sql.function_name(before)
    renamed = before.model_copy(
        update={
            "name": want.name,
            "views": (*before.views, former),
            "indexes": tuple(_renamed(index, former, want.name) for index in before.indexes),
        }
    )
    steps.touched[want.name] = None
    steps.statements.append(f"ALTER TABLE {sql.name(former)} RENAME TO {sql.name(want.name)};")
    pairs = zip(before.indexes, renamed.indexes, strict=True)
    steps.statements += [f"ALTER INDEX {sql.name(a.name)} RENAME TO {sql.name(b.name)};" for a, b in pairs]
    if sql.has_rules(before):
        label = sql.name(old_function)
        steps.statements.append(f"DROP TRIGGER {label} ON {sql.name(want.name)};")
        steps.statements.append(f"DROP FUNCTION {label}();")
        steps.statements += sql.trigger(renamed)
    only_new = renamed.model_copy(update={"views": (former,)})
    steps.statements += sql.views(only_new)
    return renamed


def _renamed(index: Index, former: str, now: str) -> Index:
    """Named after its table, as a fresh one would be."""
    tail = "_".join(index.columns)
    return index.model_copy(update={"name": short(f"{now}_{tail}")})


class _Expansion:
    """One table that is there."""

    def __init__(self, base: Table, want: Table, aggregate: Aggregate, steps: Steps) -> None:
        self._base, self._want, self._aggregate, self._steps = base, want, aggregate, steps
        self._columns = {column.name: column for column in base.columns}
        self._spans = {snake(field.name): field.span for field in aggregate.fields}
        self._formers = {
            snake(field.name): snake(field.renamed_from) for field in aggregate.fields if field.renamed_from
        }
        self._changes: list[str] = []
        self._fill: list[Column] = []
        self._casts = False

    def done(self) -> Table:
        """The table afterwards."""
        if self._key_differs():
            self._say(reports.key_changed(self._want.name, self._aggregate.span))
            return self._base
        for column in self._want.columns:
            if column != VERSION:
                self._columns[column.name] = self._column(column)
        for column in self._base.columns:
            if self._want.column(column.name) is None and self._columns[column.name].role == "":
                self._columns[column.name] = self._removed(column)
        moves, moved = self._moves()
        table = self._base.model_copy(
            update={
                "aggregate": self._want.aggregate,
                "columns": tuple(self._columns.values()),
                "states": self._want.states or self._base.states,  # rows are still in one of them
                "indexes": self._indexes(),
                "moves": moves,
                "removed": False,
            }
        )
        if table != self._base:
            self._write(table, moved)
        return table

    def _write(self, table: Table, moved: Iterable[str]) -> None:
        steps, base = self._steps, self._base
        steps.touched[table.name] = None
        if self._changes:
            views = base.views if self._casts else ()  # a view holds on to the types of its columns
            steps.statements += [f"DROP VIEW {sql.name(view)};" for view in views]
            steps.statements.append(sql.alter(table.name, *self._changes))
            steps.statements += sql.views(base) if views else []
        known = {index.name for index in base.indexes}
        steps.statements += [
            sql.create_index(table.name, index.name, index.columns)
            for index in table.indexes
            if index.name not in known and not index.removed
        ]
        if sql.has_rules(table) or sql.has_rules(base):
            steps.statements += sql.trigger(table)
        if self._fill or moved:
            steps.batches.append(sql.backfill(table, self._fill, moved))

    def _key_differs(self) -> bool:
        before, now = self._base.column(self._base.key), self._want.column(self._want.key)
        assert before is not None
        assert now is not None
        return before.name != now.name or not sql.alike(before.kind, now.kind)

    def _say(self, diagnostic: Diagnostic) -> None:
        self._steps.diagnostics.append(diagnostic)

    def _span(self, column: str) -> Span:
        return self._spans.get(column, self._aggregate.span)

    def _column(self, want: Column) -> Column:
        there = self._base.column(want.name)
        former = self._base.column(self._formers.get(want.name, ""))
        if there is not None:
            return self._changed(there, want)
        if former is not None and former.role == "" and self._want.column(former.name) is None:
            if former.source:
                self._say(reports.still_there(former.source, self._span(want.name)))
            return self._takes_over(former, want)
        return self._added(want)

    def _added(self, want: Column) -> Column:
        if want.optional:
            made = want
        elif want.kind == "state":
            made = want.model_copy(update={"default": self._want.states[0]})
        elif want.kind in sql.OLDER:
            made = want.model_copy(update={"default": "older"})
        else:
            made = want.model_copy(update={"nullable": True})
            self._say(reports.empty_before(want.name, self._span(want.name)))
        self._changes.append(f"ADD COLUMN IF NOT EXISTS {sql.definition(made)}")
        return made

    def _takes_over(self, former: Column, want: Column) -> Column:
        """A new name: both columns are there for a while, each follows the other."""
        if sql.cast(former.kind, want.kind, "") is None:
            self._say(reports.no_way(former.name, former.kind, want.kind, self._span(want.name)))
            return self._added(want)
        made = want.model_copy(update={"nullable": True, "source": former.name})
        self._columns[former.name] = self._follows(former)
        self._changes.append(f"ADD COLUMN IF NOT EXISTS {sql.definition(made)}")
        self._fill.append(made)
        return made

    def _follows(self, former: Column) -> Column:
        """A default would hide from the trigger that a writer does not know the column."""
        kept = former.model_copy(update={"role": "renamed", "fills": False})
        if former.default:
            self._changes.append(f"ALTER COLUMN {sql.name(former.name)} DROP DEFAULT")
        if not former.nullable:
            self._changes.append(f"ALTER COLUMN {sql.name(former.name)} DROP NOT NULL")
        return kept.model_copy(update={"default": "", "nullable": True})

    def _changed(self, there: Column, want: Column) -> Column:
        if there.role == "renamed":
            self._say(reports.still_there(there.name, self._span(want.name)))
            return there
        if not sql.alike(there.kind, want.kind) and (there.kind, want.kind) != ("int", "decimal"):
            self._say(reports.type_changed(there.name, there.kind, want.kind, self._span(want.name)))
            return there
        if not sql.alike(there.kind, want.kind):
            self._changes.append(f"ALTER COLUMN {sql.name(there.name)} TYPE {sql.TYPES[want.kind]}")
            self._casts = True
        if there.shape != want.shape:
            self._say(reports.shape_changed(there.name, self._span(want.name)))
        now = there.model_copy(update={"kind": want.kind, "shape": want.shape, "optional": want.optional, "role": ""})
        if want.optional:
            return self._may_be_empty(now)
        return self._must_be_filled(now) if there.optional or there.role == "removed" else now

    def _may_be_empty(self, column: Column) -> Column:
        if not column.nullable:
            self._changes.append(f"ALTER COLUMN {sql.name(column.name)} DROP NOT NULL")
        if column.default:
            self._changes.append(f"ALTER COLUMN {sql.name(column.name)} DROP DEFAULT")
        return column.model_copy(update={"nullable": True, "default": "", "fills": False})

    def _must_be_filled(self, column: Column) -> Column:
        """It may hold nothing in older rows, and the release before may still write nothing."""
        if not column.nullable:
            return column
        default = self._want.states[0] if column.kind == "state" else "older"
        if column.kind != "state" and column.kind not in sql.OLDER:
            self._say(reports.empty_before(column.name, self._span(column.name)))
            return column
        now = column.model_copy(update={"default": default, "fills": True})
        self._changes.append(f"ALTER COLUMN {sql.name(column.name)} SET DEFAULT {sql.default(now)}")
        self._fill.append(now)
        return now

    def _removed(self, column: Column) -> Column:
        """Kept as it is, but that a release which does not know it need not fill it."""
        if column.name not in {snake(name) for name in self._aggregate.dropped}:
            word = f"dropped: [{column.name}]"
            self._say(reports.kept(f"the column `{column.name}` of `{self._want.name}`", word, self._aggregate.span))
        return self._no_longer_filled(column.model_copy(update={"role": "removed", "fills": False}))

    def _no_longer_filled(self, column: Column) -> Column:
        """The release before reads what it can: a default where one fits, else nothing."""
        if column.nullable or column.default:
            return column
        if column.kind == "state" or column.kind in sql.OLDER:
            default = self._base.states[0] if column.kind == "state" else "older"
            now = column.model_copy(update={"default": default})
            self._changes.append(f"ALTER COLUMN {sql.name(column.name)} SET DEFAULT {sql.default(now)}")
            return now
        self._changes.append(f"ALTER COLUMN {sql.name(column.name)} DROP NOT NULL")
        return column.model_copy(update={"nullable": True})

    def _indexes(self) -> tuple[Index, ...]:
        """Those wanted, and those that the release before may need."""
        names = {index.name for index in self._want.indexes}
        left = [index.model_copy(update={"removed": True}) for index in self._base.indexes if index.name not in names]
        return (*self._want.indexes, *left)

    def _moves(self) -> tuple[dict[str, str], list[str]]:
        """Where rows in states that are no more go; and the states that are new in this."""
        if not self._want.states:
            return {}, []
        known, gone = set(self._base.states), [s for s in self._base.states if s not in self._want.states]
        moves = {former: now for former, now in self._base.moves.items() if former not in self._want.states}
        for state in gone:
            now = self._aggregate.former_states.get(state, "")
            if not now:
                self._say(reports.state_gone(self._aggregate.name, state, self._aggregate.span))
            elif now not in known:
                self._say(reports.state_unknown_before(self._aggregate.name, state, now, self._aggregate.span))
            else:
                moves[state] = now
        return moves, [state for state in gone if state in moves]
