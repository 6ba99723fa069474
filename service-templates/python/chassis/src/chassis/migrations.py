"""Brings a service's database up to date when the service starts.

In this order: the chassis's own tables, the tables generated for the aggregates, the service's own numbered files.
Every file runs once, in a transaction with the note that it ran; instances that start together take turns.
The generated file is written so that it may run again, and does when it changed.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from chassis.database import Database
from chassis.work import Connection

log = logging.getLogger(__name__)

_LOCK = 0x66_6C_65_65_74  # "fleet": an advisory lock that all instances of a service know
_NUMBERED = re.compile(r"\d+_\w+\.sql")
_NOTES = """
CREATE TABLE IF NOT EXISTS schema_migration (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """A migration cannot be applied; the service must not start."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `repeatable` ones run again when their text changed; others must never change once they ran."""

    name: str
    sql: str
    repeatable: bool = False

    @property
    def sha256(self) -> str:
        """Of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def chassis_migrations() -> Iterator[Migration]:
    """Those shipped with the chassis, by number."""
    folder = resources.files("chassis") / "sql"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if _NUMBERED.fullmatch(entry.name):
            yield Migration(f"chassis/{entry.name}", entry.read_text(encoding="utf-8"))


def service_migrations(tables: Path | None, folder: Path | None) -> Iterator[Migration]:
    """The generated tables, then the service's own files by number."""
    if tables is not None and tables.exists():
        yield Migration("gen/tables.sql", tables.read_text(encoding="utf-8"), repeatable=True)
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.sql"), key=_number):
            yield Migration(f"service/{path.name}", path.read_text(encoding="utf-8"))


def migrate(database: Database, tables: Path | None = None, folder: Path | None = None) -> tuple[str, ...]:
    """Apply what is missing; gives the names of what was applied.

    Raises:
        MigrationError: a file failed, or one that was applied before has been changed.
    """
    applied = []
    with database.dedicated("migrations") as connection:  # its end frees the lock
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(_NOTES)
        known = dict(connection.execute("SELECT name, sha256 FROM schema_migration").fetchall())
        for migration in (*chassis_migrations(), *service_migrations(tables, folder)):
            if _apply(connection, migration, known.get(migration.name)):
                applied.append(migration.name)
    return tuple(applied)


def _apply(connection: Connection, migration: Migration, before: str | None) -> bool:
    if before == migration.sha256:
        return False
    if before is not None and not migration.repeatable:
        raise MigrationError(f"{migration.name} was applied and has been changed since: write a new file instead")
    try:
        with connection.transaction():
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()",
                (migration.name, migration.sha256),
            )
    except Exception as reason:
        raise MigrationError(f"{migration.name}: {reason}") from reason
    log.info("applied migration %s", migration.name)
    return True


def _number(path: Path) -> tuple[int, str]:
    match = re.match(r"\d+", path.name)
    if match is None:
        raise MigrationError(f"{path.name}: the name of a migration begins with its number, such as 0001_index.sql")
    return int(match.group()), path.name
