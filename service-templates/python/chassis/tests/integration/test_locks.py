"""Locks of a service's own code, with their owner stopped for too long: for real, by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chassis import locks
from chassis.locks import LockLost
from lab import Store, until

OWNER = """
import sys
from lab import store_on
from chassis import locks

with store_on(sys.argv[1]) as store:
    with store.database.work() as work:
        lock = locks.take(work, "report", owner="sleeper", seconds=1.0)
    print("taken", lock.token, flush=True)
    sys.stdin.readline()
    try:
        with store.database.work() as work:
            work.connection.execute("UPDATE report SET author = 'sleeper'")
            locks.guard(work, lock)
        print("wrote", flush=True)
    except locks.LockLost:
        print("refused", flush=True)
"""


@pytest.fixture
def owner_process(store: Store) -> subprocess.Popen[str]:
    here = Path(__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": f"{here.parent / 'src'}{os.pathsep}{here}"}
    command = [sys.executable, "-c", OWNER, store.url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)


def take(store: Store, owner: str, seconds: float = 30.0, name: str = "report") -> locks.Lock | None:
    with store.database.work() as work:
        return locks.take(work, name, owner=owner, seconds=seconds)


def test_owner_that_was_stopped_past_its_time_cannot_write(store: Store, owner_process: subprocess.Popen[str]) -> None:
    store.execute("CREATE TABLE report (author text)")
    store.execute("INSERT INTO report VALUES ('nobody')")
    assert owner_process.stdin and owner_process.stdout
    try:
        assert owner_process.stdout.readline() == "taken 1\n"
        owner_process.send_signal(signal.SIGSTOP)
        lock = until(lambda: take(store, "other"), what="for the lock to end")
        assert lock.token == 2
        with store.database.work() as work:
            locks.guard(work, lock)
            work.connection.execute("UPDATE report SET author = 'other'")
        owner_process.send_signal(signal.SIGCONT)
        owner_process.stdin.write("\n")
        owner_process.stdin.flush()
        assert owner_process.stdout.readline() == "refused\n"
    finally:
        owner_process.kill()
        owner_process.communicate()
    assert store.value("SELECT author FROM report") == "other"


def test_one_owner_at_a_time(store: Store) -> None:
    first = take(store, "a")
    assert first is not None
    assert take(store, "b") is None
    assert take(store, "a") == first, "taken again it is the same lock"
    assert take(store, "b", name="another") is not None
    with store.database.work() as work:
        locks.release(work, first)
    second = take(store, "b")
    assert second is not None
    assert second.token == first.token + 1
    for act in (locks.guard, locks.renew):
        with pytest.raises(LockLost), store.database.work() as work:
            act(work, first)
    with store.database.work() as work:
        locks.release(work, first)  # not ours: nothing happens
        locks.guard(work, second)


def test_nobody_takes_a_lock_while_a_guarded_transaction_is_under_way(store: Store) -> None:
    lock = take(store, "a", seconds=0.3)
    assert lock is not None
    waiting: list[locks.Lock | None] = []
    with store.database.work() as work:
        locks.guard(work, lock)
        thief = threading.Thread(target=lambda: waiting.append(until(lambda: take(store, "b"))))
        thief.start()
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until(lambda: store.value(query) == 1 or store.value("SELECT expires_at < clock_timestamp() FROM lease"))
        until(lambda: store.value("SELECT expires_at < clock_timestamp() FROM lease"), what="for the end of its time")
        assert waiting == []
    thief.join(20)
    assert waiting
    assert waiting[0]
    assert waiting[0].token == 2


def test_token_that_is_behind_is_refused(store: Store) -> None:
    for token, fits in ((1, True), (3, True), (3, True), (2, False), (4, True)):
        try:
            with store.database.work() as work:
                locks.fence(work, "file", token)
            assert fits
        except LockLost:
            assert not fits


def test_lock_is_prolonged_while_it_is_held(store: Store) -> None:
    with locks.holding(store.database, "report", owner="a", seconds=0.6) as lock:
        assert lock is not None
        begun = store.value("SELECT expires_at FROM lease")
        until(lambda: store.value("SELECT expires_at > %s + interval '1 s' FROM lease", begun))
        with locks.holding(store.database, "report", owner="b") as other:
            assert other is None
        with store.database.work() as work:
            locks.guard(work, lock)
    assert take(store, "b") is not None
