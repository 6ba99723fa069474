"""What must not grow: memory, connections and dead rows, sampled while a fleet runs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

import psutil
import psycopg

from rig.fleet import Fleet

LIMITS = {"memory": 2.0 * 2**20, "connections": 0.5, "dead rows": 500.0}
"""A minute: bytes of one process, connections of one service, dead rows of its chassis's tables."""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
_DEAD = "SELECT coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables"


@dataclass
class Slopes:
    """Samples by what and of whom: (minutes, value). A process that was replaced begins anew."""

    fleet: Fleet
    samples: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    def sample(self) -> None:
        """One look at everything that lives."""
        now = (time.monotonic() - self.begun) / 60
        for instance in self.fleet.instances:
            try:
                if instance.lives:
                    self._put("memory", f"{instance.name}/{instance.pid}", now, float(instance.memory()))
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        for service in self.fleet.services:
            try:
                self._put("connections", service.name, now, float(self.fleet.sql(service.name, _CONNECTIONS)[0][0]))
                self._put("dead rows", service.name, now, self.fleet.sql(service.name, _DEAD)[0][0])
            except psycopg.Error:
                continue  # the database is down just now

    def found(self, since: float) -> dict[str, float]:
        """The steepest slope of each kind, a minute, over the samples since then (in minutes); not of the young."""
        steepest: dict[str, float] = {}
        for (kind, _), values in self.samples.items():
            later = [(at, value) for at, value in values if at >= since]
            if len(later) < 10 or later[-1][0] - later[0][0] < 0.6:
                continue
            slope = statistics.linear_regression([at for at, _ in later], [value for _, value in later]).slope
            steepest[kind] = max(steepest.get(kind, float("-inf")), slope)
        return steepest

    def _put(self, kind: str, whose: str, at: float, value: float) -> None:
        self.samples.setdefault((kind, whose), []).append((at, value))
