"""Brings a service's database up to date when the service starts.

In this order: the chassis's own tables, the generated numbered files (`gen/migrations`), the generated description of
the tables (`gen/tables.sql`), the service's own numbered files. Every file runs once, in a transaction with the note
that it ran; instances that start together take turns. A file that moves rows in batches commits as it goes: it runs
outside a transaction, and again from the start when it was interrupted. The generated description is written so that it
may run again, and does when it changed.

An instance of an older release may start on a database that a newer one has already changed, while both are rolled out:
it then leaves the generated tables alone.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from chassis.database import Database
from chassis.work import Connection

log = logging.getLogger(__name__)

_LOCK = 0x66_6C_65_65_74  # "fleet": an advisory lock that all instances of a service know
_NUMBERED = re.compile(r"\d+_\w+\.sql")
_ALONE = "-- Runs outside a transaction"  # begins the second line of a file that commits as it goes
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
    def alone(self) -> bool:
        """Whether it commits by itself."""
        return any(line.startswith(_ALONE) for line in self.sql.splitlines()[:2])

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


def generated_migrations(tables: Path | None) -> tuple[Migration, ...]:
    """The numbered files beside the generated description of the tables."""
    return tuple(_numbered("gen", tables.parent / "migrations")) if tables is not None else ()


def service_migrations(tables: Path | None, folder: Path | None) -> Iterator[Migration]:
    """The generated description of the tables, then the service's own files by number."""
    if tables is not None and tables.exists():
        yield Migration("gen/tables.sql", tables.read_text(encoding="utf-8"), repeatable=True)
    yield from _numbered("service", folder)


def _numbered(whose: str, folder: Path | None) -> Iterator[Migration]:
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.sql"), key=_number):
            yield Migration(f"{whose}/{path.name}", path.read_text(encoding="utf-8"))


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
        generated = generated_migrations(tables)
        ahead = _ahead(generated, known)
        for migration in (*chassis_migrations(), *generated, *service_migrations(tables, folder)):
            if ahead and migration.repeatable:
                log.warning("a newer release has changed the tables; %s is left to it", migration.name)
            elif _apply(connection, migration, known.get(migration.name)):
                applied.append(migration.name)
    return tuple(applied)


def _ahead(generated: tuple[Migration, ...], known: Mapping[str, str]) -> bool:
    """Whether the database has run numbered files that this release does not know, and lacks none that it knows."""
    own = {migration.name for migration in generated}
    ran = {name for name in known if name.startswith("gen/") and _NUMBERED.fullmatch(name.removeprefix("gen/"))}
    return bool(ran - own) and own <= ran


def _apply(connection: Connection, migration: Migration, before: str | None) -> bool:
    if before == migration.sha256:
        return False
    if before is not None and not migration.repeatable:
        raise MigrationError(f"{migration.name} was applied and has been changed since: write a new file instead")
    try:
        if migration.alone:
            connection.execute(migration.sql.encode())
        with connection.transaction():
            if not migration.alone:
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
