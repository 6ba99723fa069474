"""SQL of PostgreSQL for tables and columns. Every name is quoted; values are constants of this file or states."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.storage.tables import Column, Table
from fleetgen.storage.wanted import short

TYPES = {
    "string": "text", "text": "text", "url": "text", "int": "bigint", "decimal": "numeric", "money": "jsonb",
    "bool": "boolean", "uuid": "uuid", "date": "date", "datetime": "timestamptz", "duration": "interval",
    "json": "text", "value": "jsonb", "list": "jsonb", "state": "text", "version": "bigint",
}  # fmt: skip
# What rows that are older than a column get; nothing fits a uuid, a date, money or a value.
OLDER = {
    "string": "''", "text": "''", "url": "''", "int": "0", "decimal": "0", "bool": "false", "duration": "'0'",
    "json": "'null'", "list": "'[]'",
}  # fmt: skip
_TEXTS = ("string", "text", "url")
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
# How a value of one type becomes one of another; what does not fit becomes NULL, and a contraction then refuses.
_CASTS = {
    ("text", "int"): r"CASE WHEN {0} ~ '^-?[0-9]{{1,18}}$' THEN ({0})::bigint END",
    ("text", "decimal"): r"CASE WHEN {0} ~ '^-?[0-9]+(\.[0-9]+)?$' THEN ({0})::numeric END",
    ("text", "bool"): "CASE {0} WHEN 'true' THEN true WHEN 'false' THEN false END",
    ("text", "uuid"): "CASE WHEN {0} ~ '" + _UUID.replace("{", "{{").replace("}", "}}") + "' THEN ({0})::uuid END",
    ("int", "decimal"): "({0})::numeric",
    ("decimal", "int"): "CASE WHEN {0} = trunc({0}) AND abs({0}) < 9e18 THEN ({0})::bigint END",
    ("int", "text"): "({0})::text",
    ("decimal", "text"): "({0})::text",
    ("bool", "text"): "({0})::text",
    ("uuid", "text"): "({0})::text",
}


def name(identifier: str) -> str:
    """An identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text, quoted."""
    return "'" + value.replace("'", "''") + "'"


def listed(identifiers: Iterable[str]) -> str:
    """Identifiers, quoted."""
    return ", ".join(map(name, identifiers))


def alike(before: str, now: str) -> bool:
    """Whether two kinds are kept in the same way, so that a column may change from one to the other."""
    return before == now or (before in _TEXTS and now in _TEXTS)


def cast(before: str, now: str, value: str) -> str | None:
    """SQL that makes a value of the one kind one of the other; None where there is no way."""
    if alike(before, now):
        return value
    pair = ("text" if before in _TEXTS else before, "text" if now in _TEXTS else now)
    form = _CASTS.get(pair)
    return None if form is None else f"({form.format(value)})"  # PL/pgSQL would take a bare THEN for its own


def default(column: Column) -> str:
    """What the column's default is, as SQL."""
    return OLDER[column.kind] if column.default == "older" else text(column.default)


def definition(column: Column) -> str:
    """The column as in CREATE TABLE."""
    words = [name(column.name), TYPES[column.kind]]
    if not column.nullable:
        words.append("NOT NULL")
    if column.default:
        words.append(f"DEFAULT {default(column)}")
    return " ".join(words)


def create_table(table: Table) -> str:
    """Where the table is there already it stays as it is."""
    lines = [f"  {definition(column)}" for column in table.columns]
    lines.append(f"  PRIMARY KEY ({name(table.key)})")
    return f"CREATE TABLE IF NOT EXISTS {name(table.name)} (\n" + ",\n".join(lines) + "\n);"


def create_index(table: str, index: str, columns: Iterable[str]) -> str:
    """Where the index is there already it stays."""
    return f"CREATE INDEX IF NOT EXISTS {name(index)} ON {name(table)} ({listed(columns)});"


def alter(table: str, *changes: str) -> str:
    """One ALTER TABLE."""
    return f"ALTER TABLE {name(table)}\n  " + ",\n  ".join(changes) + ";"


def views(table: Table) -> list[str]:
    """The table under the names it had, for the release before: what is written there lands here."""
    columns = listed(column.name for column in table.columns)
    return [f"CREATE VIEW {name(view)} AS SELECT {columns} FROM {name(table.name)};" for view in table.views]


# -- keeping two forms in step


def function_name(table: Table) -> str:
    """Of the trigger and its function."""
    return short(f"{table.name}_in_step")


def has_rules(table: Table) -> bool:
    """Whether writers of two releases need something to stand between them."""
    return bool(table.moves) or any(column.source or column.fills for column in table.columns)


def trigger(table: Table) -> list[str]:
    """The trigger that lets two releases write one table; dropped where there is nothing for it to do."""
    label = name(function_name(table))
    gone = f"DROP TRIGGER IF EXISTS {label} ON {name(table.name)};"
    if not has_rules(table):
        return [gone, f"DROP FUNCTION IF EXISTS {label}();"]
    rules = [*_renames(table), *_fills(table), *_moves(table)]
    body = "\n".join(f"  {line}" for rule in rules for line in rule.split("\n"))
    return [
        f"CREATE OR REPLACE FUNCTION {label}() RETURNS trigger LANGUAGE plpgsql AS $body$\n"
        f"BEGIN\n{body}\n  RETURN NEW;\nEND $body$;",
        gone,
        f"CREATE TRIGGER {label} BEFORE INSERT OR UPDATE ON {name(table.name)}\n"
        f"  FOR EACH ROW EXECUTE FUNCTION {label}();",
    ]


def _renames(table: Table) -> Iterable[str]:
    for column in table.columns:
        former = table.column(column.source) if column.source else None
        if former is None:
            continue
        new, old = f"NEW.{name(column.name)}", f"NEW.{name(former.name)}"
        onto, back = cast(former.kind, column.kind, old), cast(column.kind, former.kind, new) or "NULL"
        yield (
            "IF TG_OP = 'INSERT' THEN\n"
            f"  {new} := coalesce({new}, {onto});\n"
            f"  {old} := coalesce({old}, {back});\n"
            f"ELSIF {old} IS DISTINCT FROM OLD.{name(former.name)} THEN\n"
            f"  {new} := {onto};\n"
            f"ELSIF {new} IS DISTINCT FROM OLD.{name(column.name)} AND {new} IS DISTINCT FROM {onto} THEN\n"
            f"  {old} := {back};\n"
            "END IF;"
        )


def _fills(table: Table) -> Iterable[str]:
    for column in table.columns:
        if column.fills:
            yield f"NEW.{name(column.name)} := coalesce(NEW.{name(column.name)}, {default(column)});"


def _moves(table: Table) -> Iterable[str]:
    if table.moves:
        yield f"NEW.{name('state')} := {moved(table, 'NEW.' + name('state'))};"


def moved(table: Table, state: str) -> str:
    """The state that rows are in instead."""
    cases = " ".join(f"WHEN {text(before)} THEN {text(now)}" for before, now in sorted(table.moves.items()))
    return f"CASE {state} {cases} ELSE {state} END"


def backfill(table: Table, columns: Iterable[Column], states: Iterable[str]) -> str:
    """Older rows in batches, each committed: the locks are short, and what is done stays done.

    The block commits, so it must not run inside a transaction.
    """
    sets, due = [], []
    for column in columns:
        former = table.column(column.source) if column.source else None
        value = cast(former.kind, column.kind, name(former.name)) if former else default(column)
        sets.append(f"{name(column.name)} = coalesce({name(column.name)}, {value})")
        due.append(f"{name(column.name)} IS NULL" + (f" AND {name(former.name)} IS NOT NULL" if former else ""))
    if moving := sorted(states):
        sets.append(f"{name('state')} = {moved(table, name('state'))}")
        due.append(f"{name('state')} IN ({', '.join(map(text, moving))})")
    key, whole = name(table.key), name(table.name)
    return (
        "DO $body$\nDECLARE\n"  # names that no column can have: a column's name begins with a letter
        f"  _first {whole}.{key}%TYPE;\n  _last {whole}.{key}%TYPE;\n"
        "BEGIN\n"
        "  LOOP\n"
        f"    SELECT batch.{key} INTO _last FROM (\n"
        f"      SELECT {key} FROM {whole} WHERE _first IS NULL OR {key} > _first ORDER BY {key} LIMIT 1000\n"
        f"    ) batch ORDER BY batch.{key} DESC LIMIT 1;\n"
        "    EXIT WHEN _last IS NULL;\n"
        f"    UPDATE {whole} SET {', '.join(sets)}\n"
        f"      WHERE (_first IS NULL OR {key} > _first) AND {key} <= _last\n"
        f"        AND ({' OR '.join(due)});\n"
        "    COMMIT;\n"
        "    _first := _last;\n"
        "  END LOOP;\n"
        "END $body$;"
    )
