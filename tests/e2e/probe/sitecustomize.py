"""Stops a service's process at a labelled point of its chassis. Not shipped: a test puts it in front of PYTHONPATH.

`$FLEET_PROBE` is a folder. In it, `rules.json` says where to stop, read again at every passage:

    [{"name": ..., "label": ..., "detail": ..., "step": ..., "undo": ..., "nth": ..., "how": "stop" | "hold"}]

At the `nth` passage that fits a rule, `met-<name>.json` is written; then `stop` stops the whole process, as SIGSTOP
does, and `hold` keeps the one thread until the rule is gone. `passages` has a line for every passage of every label.

A point says no more than its label and a detail. That it lies in the transaction of a saga's step follows from the
barrier that the same transaction passed before it: once for a step, twice for its undo.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

# Points that a thread passes behind the commit of a transaction: they belong to the one before.
_BEHIND = frozenset(
    {
        "tx.after_commit",
        "inbox.after_commit",
        "saga.after_start",
        "saga.after_reply_commit",
        "saga.after_compensate_commit",
    }
)
_BEGIN = frozenset({"inbox.after_insert", "saga.timer_claimed"})
_WAIT = 0.01


class Transaction(threading.local):
    """The one of this thread."""

    def __init__(self) -> None:
        self.barriers: Counter[str] = Counter()
        self.over = False

    def passes(self, label: str, detail: str) -> set[tuple[str, bool]]:
        """The runs of saga steps that the point belongs to: name, and whether it is the undo."""
        if label in _BEGIN or (self.over and label not in _BEHIND):
            self.barriers.clear()
            self.over = False
        if label == "barrier.after_insert":
            self.barriers[detail] += 1
        if label == "tx.after_commit":
            self.over = True
        return {(step, times > 1) for step, times in self.barriers.items()}


class Probe:
    """The hook."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._transaction = Transaction()
        self._committed: defaultdict[str, set[tuple[str, bool]]] = defaultdict(set)  # by rule, since it is known
        self._passed: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._log = os.open(folder / "passages", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, label: str, detail: str) -> None:
        rules = self._rules()
        runs = self._transaction.passes(label, detail)
        os.write(self._log, f"{os.getpid()} {label} {detail}\n".encode())
        for rule in rules:
            committed = self._committed[rule["name"]]
            if label == "tx.before_commit":  # from here on the relay may see what the transaction sends
                committed |= runs
            known = committed if label.startswith("relay.") else runs
            if _fits(rule, label, detail, known) and self._is_the_one(rule):
                self._halt(rule, label, detail)

    def _rules(self) -> list[dict[str, Any]]:
        try:
            return json.loads((self._folder / "rules.json").read_bytes())
        except FileNotFoundError:
            return []

    def _is_the_one(self, rule: dict[str, Any]) -> bool:
        with self._guard:
            self._passed[rule["name"]] += 1
            return self._passed[rule["name"]] == rule["nth"]

    def _halt(self, rule: dict[str, Any], label: str, detail: str) -> None:
        met = {"pid": os.getpid(), "label": label, "detail": detail, "thread": threading.current_thread().name}
        partial = self._folder / f".met-{rule['name']}"
        partial.write_text(json.dumps(met))
        partial.replace(self._folder / f"met-{rule['name']}.json")
        if rule["how"] == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        while any(other["name"] == rule["name"] for other in self._rules()):
            threading.Event().wait(_WAIT)


def _fits(rule: dict[str, Any], label: str, detail: str, runs: set[tuple[str, bool]]) -> bool:
    if label != rule["label"] or rule["detail"] not in ("", detail):
        return False
    return not rule["step"] or (rule["step"], rule["undo"]) in runs


def _install() -> None:
    folder = os.environ.get("FLEET_PROBE")
    if folder:
        from chassis import faults

        faults.install(Probe(Path(folder)))


_install()
