"""C03: transactions commit in another order than they began.

Each key stays in its order, and nothing waits for others.
"""

from __future__ import annotations

import re
import threading
import time
import uuid

import pytest

from rig.bus import firsts
from rig.fleet import Fleet
from rig.forge import append
from rig.load import Load
from rig.waiting import until

TOPIC = "probe.counter.counter.events"
SOURCE = "/fleet/probe/counter"
SOON = 5.0  # seconds in which a committed row is on the bus, on a busy machine

PAUSED = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'idle in transaction' AND application_name <> 'conformance'
   AND state_change < clock_timestamp() - interval '200 milliseconds'
"""


@pytest.fixture
def names(fleet: Fleet) -> list[str]:
    return two_counters(fleet)


def two_counters(fleet: Fleet) -> list[str]:
    """Their names."""
    fleet.ensure("counter", "tally")
    names = [f"late-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        fleet.do("OpenCounter", {"name": name, "total": 0})
    until(lambda: all(fleet.bus.of(TOPIC, name) for name in names), "both are open")
    return names


def written(fleet: Fleet, key: str) -> list[int]:
    return [record.sequence for record in firsts(fleet.bus.of(TOPIC, key))]


def test_r1_a_commit_that_comes_late_is_not_passed_over(fleet: Fleet, names: list[str]) -> None:
    slow, quick = names
    fleet.one("counter").at_points(pause_at="tx.before_commit:3000:1")
    client = threading.Thread(target=fleet.do, args=("AddToCounter", {"name": slow, "amount": 1}))
    client.start()
    until(lambda: fleet.sql("counter", PAUSED), "the first waits with its position drawn", 10)
    fleet.do("AddToCounter", {"name": quick, "amount": 1})
    until(lambda: written(fleet, quick) == [1, 2], "the second commit is on the bus", SOON)
    assert written(fleet, slow) == [1], "the first commit did not wait: nothing is shown"
    client.join()
    until(lambda: written(fleet, slow) == [1, 2], "R1: the commit that came late is on the bus", SOON)


def test_r2_and_r3_an_early_transaction_id_changes_no_order(fleet: Fleet, names: list[str]) -> None:
    key = names[0]
    with fleet.connect("counter") as first, fleet.connect("counter") as second:
        first.execute("SELECT pg_current_xact_id()")  # the older id
        early = append(second, TOPIC, key, SOURCE)
        second.commit()
        late = append(first, TOPIC, key, SOURCE)
        first.commit()
    until(lambda: len(written(fleet, key)) == 3, "both are on the bus", SOON)
    ids = [record.ce_id for record in firsts(fleet.bus.of(TOPIC, key))][1:]
    assert ids == [early, late], "R3: published in the order of transaction ids, not of commits"


def test_r4_an_idle_transaction_elsewhere_stalls_nothing(fleet: Fleet, names: list[str]) -> None:
    with fleet.servers.other_database() as elsewhere:
        elsewhere.execute("CREATE TABLE idle (n int)")
        begun = time.monotonic()
        fleet.do("AddToCounter", {"name": names[0], "amount": 1})
        until(lambda: written(fleet, names[0]) == [1, 2], "R4: not stalled by an idle transaction elsewhere", SOON)
        print(f"on the bus after {time.monotonic() - begun:.2f} s")
        elsewhere.rollback()


def test_r5_two_writers_of_a_key_wait_for_each_other(fleet: Fleet, names: list[str]) -> None:
    key = names[0]
    order: list[str] = []

    def write_second() -> None:
        with fleet.connect("counter") as second:
            order.append(append(second, TOPIC, key, SOURCE))

    with fleet.connect("counter") as first:
        order.append(append(first, TOPIC, key, SOURCE))
        other = threading.Thread(target=write_second)
        other.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        until(lambda: fleet.sql("counter", waits)[0][0] == 1, "R5: the second writer waits for the first", 10)
        first.commit()
    other.join()
    until(lambda: len(written(fleet, key)) == 3, "both are on the bus", SOON)
    assert [record.ce_id for record in firsts(fleet.bus.of(TOPIC, key))][1:] == order


def test_many_writers_of_few_keys(fleet: Fleet) -> None:
    """Aborts and pauses among them; the order is checked behind every scenario."""
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=4, clients=8)
    fleet.one("counter").at_points(fail_at="tx.before_commit:40", pause_at="tx.before_commit:300:25")
    load.send(250)
    load.check()


def test_a_key_whose_head_is_held_back_stays_in_order(fleet: Fleet, names: list[str]) -> None:
    """The head of one key waits for another try: those behind it wait too, other keys go on."""
    held, free = names
    with fleet.connect("counter") as writer:
        append(writer, TOPIC, held, SOURCE)
        writer.execute("UPDATE outbox SET not_before = clock_timestamp() + interval '4 seconds', attempts = 1")
    fleet.do("AddToCounter", {"name": held, "amount": 1})
    fleet.do("AddToCounter", {"name": free, "amount": 1})
    until(lambda: written(fleet, free) == [1, 2], "another key goes on", SOON)
    assert written(fleet, held) == [1], "a row passed the one before it that is held back"
    until(lambda: written(fleet, held) == [1, 2, 3], "the key goes on when it is due", 20)


def test_a_slow_relay_is_not_overtaken(fleet: Fleet, names: list[str]) -> None:
    """One relay dawdles over the first record of a key. The other instance must not send the second before it.

    Each instance dawdles in turn: one of them sends the key.
    """
    instances = [fleet.one("counter"), fleet.start("counter")]
    until(lambda: fleet.sql("counter", RELAYING)[0][0] == 2, "both relay", 30)
    for turn in range(4):
        key, slow, quick = names[turn % 2], instances[turn % 2], instances[1 - turn % 2]
        before = len(written(fleet, key))
        slow.at_points(pause_at="relay.after_select:2000:1")
        fleet.do("AddToCounter", {"name": key, "amount": 1}, at=slow)
        fleet.do("AddToCounter", {"name": key, "amount": 1}, at=quick)
        until(lambda key=key, before=before: len(written(fleet, key)) == before + 2, "both are on the bus", 30)
        found = written(fleet, key)
        assert found == sorted(found), f"C03: one relay overtook another: {found}"
    fleet.only("counter", "tally")


def test_no_notification_rides_on_a_transaction(fleet: Fleet, names: list[str]) -> None:
    """`NOTIFY` takes a lock that all commits of the server share: a tenth of the throughput is left."""
    with fleet.servers.logging_statements() as statements:
        for _ in range(3):
            fleet.do("AddToCounter", {"name": names[0], "amount": 1})
        until(lambda: len(written(fleet, names[0])) == 4, "all are on the bus", SOON)
    said = statements()
    assert any("outbox_append" in line for line in said), "no statement was logged: nothing is shown"
    told = [line for line in said if re.search(r"\b(pg_)?notify\b", line, re.IGNORECASE)]
    assert told == [], f"C03: notified within a transaction: {told[0]}"


RELAYING = """
SELECT count(DISTINCT owner) FROM lease WHERE name ~ '^relay' AND owner IS NOT NULL AND expires_at > clock_timestamp()
"""
