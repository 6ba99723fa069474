"""C01: effect and message are one. Neither is there when the command failed, both are when it was committed."""

from __future__ import annotations

import uuid

import pytest

from rig.bus import firsts
from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.waiting import until

TOPIC = "probe.counter.counter.events"
RECOVERED = 15.0  # seconds in which a record appears after a restart


@pytest.fixture
def name(fleet: Fleet) -> str:
    fleet.ensure("counter", "tally")
    name = f"atomic-{uuid.uuid4().hex[:8]}"
    fleet.do("OpenCounter", {"name": name, "total": 0})
    return name


def add(fleet: Fleet, name: str, key: str):
    return fleet.ask("AddToCounter", {"name": name, "amount": 5}, key=key, limit=20)


def nothing_happened(fleet: Fleet, name: str) -> None:
    await_rest(fleet)
    assert fleet.sql("counter", "SELECT total FROM counters WHERE name = %s", name) == [(0,)]
    assert len(list(firsts(fleet.bus.of(TOPIC, name)))) == 1, "a record for work that was rolled back"


def test_a_handler_that_fails_behind_the_outbox_leaves_nothing(fleet: Fleet, name: str) -> None:
    fleet.one("counter").at_points(fail_at="tx.before_commit")
    reply = add(fleet, name, str(uuid.uuid4()))
    assert reply is not None and reply.status >= 500, reply
    nothing_happened(fleet, name)


def test_a_commit_that_the_database_refuses_leaves_nothing(fleet: Fleet, name: str) -> None:
    fleet.sql("counter", REFUSING)
    try:
        reply = add(fleet, name, str(uuid.uuid4()))
        assert reply is not None and reply.status >= 400, reply
        nothing_happened(fleet, name)
    finally:
        fleet.sql("counter", "DROP TRIGGER refusing ON counters")


def test_a_kill_before_the_commit_leaves_nothing(fleet: Fleet, name: str) -> None:
    victim = fleet.one("counter")
    victim.at_points(crash_at="tx.before_commit")
    key = str(uuid.uuid4())
    assert add(fleet, name, key) is None
    victim.await_crash()
    fleet.start("counter")
    nothing_happened(fleet, name)
    fleet.do("AddToCounter", {"name": name, "amount": 5}, key=key)
    assert fleet.sql("counter", "SELECT total FROM counters WHERE name = %s", name) == [(5,)]


def test_a_kill_behind_the_commit_loses_nothing(fleet: Fleet, name: str) -> None:
    victim = fleet.one("counter")
    victim.at_points(crash_at="tx.after_commit")
    key = str(uuid.uuid4())
    assert add(fleet, name, key) is None
    victim.await_crash()
    fleet.start("counter")
    until(lambda: len(list(firsts(fleet.bus.of(TOPIC, name)))) == 2, "the record appears after the restart", RECOVERED)
    reply = fleet.do("AddToCounter", {"name": name, "amount": 5}, key=key)
    assert reply.headers.get("idempotent-replayed") == "true"
    assert fleet.sql("counter", "SELECT total FROM counters WHERE name = %s", name) == [(5,)]


REFUSING = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'refused at commit' USING ERRCODE = 'check_violation'; END $$;
CREATE CONSTRAINT TRIGGER refusing AFTER UPDATE ON counters DEFERRABLE INITIALLY DEFERRED
   FOR EACH ROW EXECUTE FUNCTION refuse();
"""
