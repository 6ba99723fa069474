"""Commands by the clock: at their tick, once among all instances."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.cron import Cron
from chassis.schedule import LATE_MOST, WAIT_MOST, Job, Timetable, scheduled_commands
from tiny_parts import parts_on
from tiny_process import eventually
from tiny_service import name

TICK = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
EVERY_MINUTE = Cron.parse("* * * * *")


class Clock:
    now = TICK

    def __call__(self) -> datetime:
        return self.now


def test_jobs_run_at_their_ticks_and_a_failure_ends_nothing() -> None:
    ran: list[tuple[str, datetime]] = []

    def note(job: str) -> Job:
        def run(tick: datetime) -> None:
            ran.append((job, tick))
            if job == "failing":
                raise RuntimeError("no")

        return Job(job, EVERY_MINUTE, run)

    clock = Clock()
    timetable = Timetable([note("failing"), note("other")], clock)
    assert timetable.look() == 60, "a service that starts at a tick has not slept through it"
    clock.now += timedelta(seconds=20)
    assert (timetable.look(), ran) == (40, [])
    for minute in (1, 2):
        clock.now = TICK + timedelta(minutes=minute, milliseconds=300)
        assert timetable.look() == pytest.approx(59.7)
    assert ran == [(job, TICK + timedelta(minutes=minute)) for minute in (1, 2) for job in ("failing", "other")]


def test_tick_that_is_long_past_is_left_out() -> None:
    ran: list[datetime] = []
    clock = Clock()
    timetable = Timetable([Job("j", Cron.parse("0 * * * *"), ran.append)], clock)
    timetable.look()
    clock.now = TICK + timedelta(hours=1) + LATE_MOST + timedelta(seconds=1)
    timetable.look()
    assert ran == []
    clock.now = TICK + timedelta(hours=2, minutes=1)
    timetable.look()
    assert ran == [TICK + timedelta(hours=2)]


def test_long_waits_are_cut_so_that_a_clock_that_was_set_is_noticed() -> None:
    assert Timetable([Job("j", Cron.parse("0 0 1 1 *"), lambda _: None)], Clock()).look() == WAIT_MOST


def test_no_jobs_no_thread() -> None:
    before = threading.active_count()
    timetable = Timetable([])
    timetable.start()
    assert threading.active_count() == before
    timetable.stop()


def test_stop_does_not_wait_for_the_next_tick() -> None:
    timetable = Timetable([Job("j", Cron.parse("0 0 1 1 *"), lambda _: None)])
    timetable.start()
    eventually(lambda: any(thread.name == "schedule" for thread in threading.enumerate()))
    timetable.stop()
    assert not any(thread.name == "schedule" for thread in threading.enumerate())


def test_ten_instances_run_a_tick_once(database_url: str, tmp_path: Path) -> None:
    schedule = [{"command": name("CountOrders"), "cron": "0 2 * * *"}]
    with parts_on(database_url, tmp_path, schedules=schedule) as parts:
        (job,) = scheduled_commands(parts.service, parts.database)
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda _: job.run(TICK), range(10)))
        assert parts.rows("SELECT ce_type FROM outbox") == [("order.OrdersCounted.v1",)]
        job.run(TICK + timedelta(days=1))
        assert parts.rows("SELECT count(*) FROM outbox") == [(2,)]


def test_tick_whose_command_failed_leaves_no_note(database_url: str, tmp_path: Path) -> None:
    schedule = [{"command": name("CountOrders"), "cron": "0 2 * * *"}]
    with parts_on(database_url, tmp_path, schedules=schedule) as parts:
        parts.service.handlers["CountOrders"] = lambda command, work: None  # type: ignore[index]
        (job,) = scheduled_commands(parts.service, parts.database)
        with pytest.raises(TypeError):
            job.run(TICK)
        assert parts.rows("SELECT count(*) FROM inbox") == [(0,)]
