"""Takes away what only an older release needed. Data goes only where the specification says that it may."""

from __future__ import annotations

from fleetgen.core.names import snake
from fleetgen.model.fleet import Service
from fleetgen.storage import sql
from fleetgen.storage.expand import Steps
from fleetgen.storage.tables import Column, Table, Tables
from fleetgen.storage.wanted import table_name


def contract(base: Tables, service: Service) -> tuple[Tables, Steps]:
    """The tables afterwards, and the way there."""
    steps = Steps()
    droppable = {table_name(aggregate): {snake(name) for name in aggregate.dropped} for aggregate in service.aggregates}
    left = []
    for table in base.tables:
        if not table.removed:
            left.append(_contracted(table, droppable.get(table.name, set()), steps))
        elif table.aggregate in service.dropped:
            steps.touched[table.name] = None
            steps.statements += [f"DROP VIEW {sql.name(view)};" for view in table.views]
            steps.statements.append(f"DROP TABLE {sql.name(table.name)};")
            steps.statements += (
                [f"DROP FUNCTION {sql.name(sql.function_name(table))}();"] if sql.has_rules(table) else []
            )
        else:
            left.append(table)
    return Tables(tables=tuple(left)), steps


def _contracted(table: Table, droppable: set[str], steps: Steps) -> Table:
    goes = {c.name for c in table.columns if c.role == "renamed" or (c.role == "removed" and c.name in droppable)}
    columns = [_settled(column) for column in table.columns if column.name not in goes]
    indexes = [index for index in table.indexes if not index.removed]
    now = table.model_copy(update={"columns": tuple(columns), "indexes": tuple(indexes), "views": (), "moves": {}})
    if now == table:
        return table
    steps.touched[table.name] = None
    steps.statements += [f"DROP VIEW {sql.name(view)};" for view in table.views]
    if sql.has_rules(table):
        steps.statements += sql.trigger(now)
    steps.statements += [_guard(table, column) for column in table.columns if column.source]
    gone = [index for index in table.indexes if index.removed and not goes & set(index.columns)]
    steps.statements += [f"DROP INDEX {sql.name(index.name)};" for index in gone]
    pairs = [(table.column(column.name), column) for column in columns]
    changes = [change for before, after in pairs if before for change in _changes(before, after)]
    changes += [f"DROP COLUMN {sql.name(name)}" for name in sorted(goes)]
    if changes:
        steps.statements.append(sql.alter(table.name, *changes))
    return now


def _settled(column: Column) -> Column:
    """As a database without a past would have it; a column that is kept though nobody writes it stays as it is."""
    if column.role:
        return column
    return column.model_copy(update={"nullable": column.optional, "default": "", "source": "", "fills": False})


def _changes(before: Column, after: Column) -> list[str]:
    name = sql.name(after.name)
    found = [f"ALTER COLUMN {name} DROP DEFAULT"] if before.default and not after.default else []
    return found + ([f"ALTER COLUMN {name} SET NOT NULL"] if before.nullable and not after.nullable else [])


def _guard(table: Table, column: Column) -> str:
    """What could not be converted would be lost with the former column."""
    whole, new, old = sql.name(table.name), sql.name(column.name), sql.name(column.source)
    said = f"{table.name}: {column.source} has values that {column.name} lacks; move them first"
    return (
        f"DO $body$ BEGIN\n  IF EXISTS (SELECT FROM {whole} WHERE {new} IS NULL AND {old} IS NOT NULL) THEN\n"
        f"    RAISE EXCEPTION {sql.text(said)};\n  END IF;\nEND $body$;"
    )
