"""What sagas report: `fleet.saga.*` and `fleet.fulfilment.overdue`.

Counts by status come from the database, at most once in a while, so that every instance of a service reports the same
and a restart forgets nothing. Whoever adds up instances must take the largest, not the sum.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from chassis.telemetry import meter
from chassis.work import Connection

LIVE = ("running", "compensating", "stuck")
_COUNT = """
SELECT saga_type, status, count(*) FROM saga_instance
 WHERE status IN ('running', 'compensating', 'stuck') GROUP BY saga_type, status
"""

duration = meter.create_histogram("fleet.saga.duration", unit="s", description="From start to a terminal status")
late_replies = meter.create_counter("fleet.saga.late_replies", description="Replies to commands that are closed")
overdue = meter.create_counter("fleet.fulfilment.overdue", description="Choreographies declared overdue")


class Census:
    """The live sagas of a service, as last counted."""

    def __init__(self, types: Iterable[str] = ()) -> None:
        """`types` are the sagas that this service owns: of them it is said, too, when there are none."""
        self._counted = {(name, status): 0 for name in types for status in LIVE}
        meter.create_observable_gauge("fleet.saga.active", [self._active], description="Live sagas by type and status")
        meter.create_observable_gauge("fleet.saga.stuck", [self._stuck], description="Sagas that wait for an operator")

    def begin(self) -> None:
        """Report none of what has not happened yet, instead of nothing."""
        for counter in (late_replies, overdue):
            counter.add(0)

    def count(self, connection: Connection) -> None:
        """Look again. Kinds that were seen before and are gone are reported as none."""
        found = {(row[0], row[1]): row[2] for row in connection.execute(_COUNT).fetchall()}
        self._counted = {**dict.fromkeys(self._counted, 0), **found}

    def _active(self, _: CallbackOptions) -> Iterable[Observation]:
        for (saga_type, status), number in self._counted.items():
            yield Observation(number, {"saga.type": saga_type, "saga.status": status})

    def _stuck(self, _: CallbackOptions) -> Iterable[Observation]:
        for (saga_type, status), number in self._counted.items():
            if status == "stuck":
                yield Observation(number, {"saga.type": saga_type})
