"""Faults in an order that a seed decides: the same seed, the same schedule."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rig.fleet import Fleet

PAUSES = (2.0, 6.0)  # seconds between two faults
KILLABLE = ("counter", "tally", "order", "payment", "inventory", "shipping")


@dataclass(frozen=True)
class Fault:
    """What is done, to whom, and for how long."""

    kind: str
    service: str
    seconds: float
    pause: float

    def __str__(self) -> str:
        return f"{self.kind} {self.service} {self.seconds:.1f} s".replace("  ", " ")


def schedule(seed: int) -> Iterator[Fault]:
    """Faults without end."""
    chance = random.Random(seed)
    kinds = ("kill", "stop", "terminate", "broker", "database", "crash")
    while True:
        kind = chance.choices(kinds, (5, 3, 3, 1, 1, 4))[0]
        service = chance.choice(KILLABLE) if kind not in ("broker", "database") else ""
        yield Fault(kind, service, chance.uniform(1, 5), chance.uniform(*PAUSES))


class Nemesis:
    """Carries a schedule out on a fleet, one fault after the other."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet, self._faults = fleet, schedule(seed)
        self.done: list[Fault] = []
        self._chance = random.Random(seed + 1)

    def strike(self, over: threading.Event) -> None:
        """The next fault, mended at once, and a pause behind it."""
        fault = next(self._faults)
        acts: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill, "stop": self._stop, "terminate": self._terminate, "crash": self._crash,
            "broker": self._broker, "database": self._database,
        }  # fmt: skip
        acts[fault.kind](fault)
        self.done.append(fault)
        over.wait(fault.pause)

    def _kill(self, fault: Fault) -> None:
        victim = self._fleet.one(fault.service)
        victim.kill()
        self._fleet.replace(victim)

    def _terminate(self, fault: Fault) -> None:
        victim = self._fleet.one(fault.service)
        victim.stop()
        self._fleet.replace(victim)

    def _stop(self, fault: Fault) -> None:
        victim = self._fleet.one(fault.service)
        victim.send(signal.SIGSTOP)
        threading.Event().wait(fault.seconds)
        victim.send(signal.SIGCONT)

    def _crash(self, fault: Fault) -> None:
        victim = self._fleet.one(fault.service)
        label = self._chance.choice(("tx.before_commit", "tx.after_commit", "relay.after_ack", "inbox.after_effect"))
        victim.at_points(crash_at=label)
        if victim.child.exited.wait(fault.seconds):
            self._fleet.replace(victim)
        else:
            victim.at_points()

    def _broker(self, fault: Fault) -> None:
        self._fleet.servers.kafka.kill()
        threading.Event().wait(fault.seconds)
        self._fleet.servers.kafka.start()

    def _database(self, fault: Fault) -> None:
        self._fleet.servers.restart_postgres()
