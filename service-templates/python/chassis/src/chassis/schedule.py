"""Commands by the clock. Every instance has the same timetable; a note in the inbox lets one of them run each tick.

The note is written in the transaction of the command: a tick runs once or, if the command fails, not at all. Ticks that
pass while no instance runs are not made up for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chassis import telemetry
from chassis.cron import Cron
from chassis.execute import SagaStarter, execute
from chassis.work import Connection, MessageContext, UnitOfWork

if TYPE_CHECKING:
    from chassis.service import Service

log = logging.getLogger("chassis.schedule")

LATE_MOST = timedelta(minutes=5)  # a tick seen later than this (the machine slept) is left out
WAIT_MOST = 60.0  # seconds; a clock that was set is noticed after so long at the latest


class Works(Protocol):
    """Opens units of work; `chassis.database.Database` does."""

    def work(self, context: MessageContext | None = None) -> AbstractContextManager[UnitOfWork]:
        """A unit of work."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at the ticks of a timetable."""

    name: str
    cron: Cron
    run: Callable[[datetime], None]


class Timetable:
    """Runs jobs, one after the other, in a thread of its own."""

    def __init__(self, jobs: Sequence[Job], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._jobs = jobs
        self._now = now
        self._due: dict[str, datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="schedule", daemon=True)

    def start(self) -> None:
        """Begin. Without jobs there is no thread."""
        if self._jobs:
            self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Take no further tick; wait for the job that is running."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self.look())

    def look(self) -> float:
        """Run what is due; gives the seconds to wait before looking again. The first look only sets the ticks."""
        now = self._now()
        for job in self._jobs:
            tick = self._due.get(job.name, now)
            if tick > now:
                continue
            if job.name in self._due and now - tick <= LATE_MOST:
                self._run(job, tick)
            self._due[job.name] = job.cron.next_after(now)
        pause = (min(self._due.values()) - self._now()).total_seconds()
        return min(max(pause, 0.0), WAIT_MOST)

    def _run(self, job: Job, tick: datetime) -> None:
        with telemetry.span(f"schedule {job.name}", parent={}):
            try:
                job.run(tick)
            except Exception:
                # the next tick comes all the same; a thread that ended would stop all jobs without a word
                log.exception("schedule %s failed", job.name)


def scheduled_commands(service: Service, works: Works, sagas: SagaStarter | None = None) -> list[Job]:
    """The jobs that the service's facts ask for."""
    jobs = []
    for schedule in service.definition.schedules:
        name = schedule.command.text
        jobs.append(Job(name, Cron.parse(schedule.cron), _run_once(service, works, name, sagas)))
    return jobs


def _run_once(service: Service, works: Works, name: str, sagas: SagaStarter | None) -> Callable[[datetime], None]:
    def run(tick: datetime) -> None:
        context = MessageContext(caller="schedule", traceparent=telemetry.current_traceparent())
        with telemetry.bound(correlation_id=context.correlation_id), works.work(context) as work:
            if first_to_note(work.connection, service.definition.source, name, tick):
                execute(service, name, {}, work, sagas=sagas)

    return run


def first_to_note(connection: Connection, source: str, name: str, tick: datetime) -> bool:
    """Whether no other instance has taken this tick. Waits for one that is just about to."""
    noted = connection.execute(
        "INSERT INTO inbox (handler, ce_source, ce_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (f"schedule:{name}", source, tick.astimezone(UTC).isoformat()),
    )
    return noted.rowcount == 1
