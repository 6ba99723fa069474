"""The `.fleet/` folder of a monorepo: everything a running fleet leaves on disk."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from fleetgen.runtime.events import RuntimeProblem


class FleetFolder:
    """Paths below `.fleet/`, small files written atomically, and the one lock that the supervisor holds."""

    def __init__(self, root: Path) -> None:
        """`root` is the monorepo; nothing is written yet."""
        self.root = root.resolve()
        self.path = self.root / ".fleet"
        self._lock: IO[str] | None = None
        self._guard = threading.Lock()

    @property
    def mark(self) -> str:
        """A short name of this fleet's place on this machine, for things outside the folder."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.path / "logs"

    @property
    def state_file(self) -> Path:
        """What runs; see `state.FleetState`."""
        return self.path / "state.json"

    @property
    def events_file(self) -> Path:
        """Events of a detached supervisor, one JSON object a line."""
        return self.path / "events.jsonl"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folder, out of git's sight. Others may pass through it (PostgreSQL's account must), not look."""
        if self.path.is_symlink():
            raise RuntimeProblem(f"`{self.path}` is a symbolic link", "remove it; fleetgen makes the folder itself")
        self.path.mkdir(mode=0o711, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def take_lock(self) -> bool:
        """Become the one supervisor of this fleet; the kernel gives the lock back when the process ends."""
        self.create()
        handle = (self.path / "lock").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            return False
        self._lock = handle
        return True

    def holds_lock(self) -> bool:
        """Whether the lock that we took is still the one that others would ask for: not when somebody removed it."""
        if self._lock is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._lock.fileno()), (self.path / "lock").stat())
        except OSError:
            return False

    def release_lock(self) -> None:
        """Let another supervisor in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read(self, path: Path) -> Any:
        """The JSON of a file, or None where there is none or a torn one."""
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            return None

    def write(self, path: Path, content: Any) -> None:
        """Replace a file at once, readable by its owner only."""
        write_atomically(path, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def secret(self, name: str) -> str:
        """A password of this fleet, made on first use and kept."""
        path = self.path / "secrets.json"
        with self._guard:
            known: dict[str, str] = self.read(path) or {}
            if name not in known:
                known[name] = secrets.token_urlsafe(24)
                self.write(path, known)
            return known[name]


def write_atomically(path: Path, text: str) -> None:
    """Write a file of mode 0600 by rename, so that a reader sees the old or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
