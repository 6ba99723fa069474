"""Saved files, told as services to start again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from fleetgen.runtime.environment import CHASSIS
from fleetgen.runtime.monorepo import LocalFleet

_STEP = 300  # milliseconds in which one act of saving is gathered

Saved = Callable[[dict[str, tuple[str, ...]]], None]


class Watcher:
    """Watches the sources of some services, and of the library that they share."""

    def __init__(self, fleet: LocalFleet, names: tuple[str, ...], saved: Saved) -> None:
        """`saved` gets the files by service, from a thread of its own."""
        self._root, self._saved = fleet.root, saved
        self._sources = {name: fleet.service(name).folder / "src" for name in names}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(2)

    def _watch(self) -> None:
        from watchfiles import DefaultFilter, watch  # noqa: PLC0415 - optional, and not needed without reload

        shared = self._root / CHASSIS / "src"
        folders = [folder for folder in (*self._sources.values(), shared) if folder.is_dir()]
        for changes in watch(
            *folders,
            watch_filter=DefaultFilter(),
            step=_STEP,
            debounce=1600,
            stop_event=self._stop,
            rust_timeout=10_000,
        ):
            found = self._by_service([Path(path) for _, path in changes])
            if found:
                self._saved(found)

    def _by_service(self, files: list[Path]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        shared = [path for path in files if path.is_relative_to(self._root / CHASSIS)]
        for name, source in self._sources.items():
            own = [path for path in files if path.is_relative_to(source)] + shared
            if own:
                found[name] = tuple(sorted(str(path.relative_to(self._root)) for path in own))
        return found
