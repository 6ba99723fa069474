"""C22: a deadline passes while nobody is there to see it; it is acted on once, as soon as somebody is."""

from __future__ import annotations

from rig.fleet import Fleet
from rig.players import Players
from rig.sagas import rush
from rig.waiting import until

PROMPT = 2.0  # seconds after the restart
SENT = """
SELECT attempt, extract(epoch FROM sent_at)::float8 FROM saga_step
 WHERE saga_id = %s AND name = 'AuthorizePayment' AND direction = 'forward'
"""
DEADLINE = """
SELECT deadline_at < clock_timestamp() FROM saga_step
 WHERE saga_id = %s AND name = 'AuthorizePayment' AND direction = 'forward'
"""


def test_a_deadline_over_a_restart(fleet: Fleet) -> None:
    fleet.only("order")
    victim = fleet.one("order")
    players = Players(fleet)
    try:
        sagas = [rush(fleet) for _ in range(5)]
        for saga in sagas:
            players.follow(saga.id, {("AuthorizePayment", False): ["silent"]})
        victim.kill()
        for saga in sagas:
            attempt, _ = fleet.sql("order", SENT, saga.id)[0]
            assert attempt == 1, "it died too late: nothing is shown"
            until(lambda saga=saga: fleet.sql("order", DEADLINE, saga.id) == [(True,)], "the deadline passes", 20)
        fleet.replace(victim)
        ready = fleet.sql("order", "SELECT extract(epoch FROM clock_timestamp())::float8")[0][0]
        for saga in sagas:
            until(lambda saga=saga: fleet.sql("order", SENT, saga.id)[0][0] > 1, "C22: the timer fires", 20)
            attempt, sent = fleet.sql("order", SENT, saga.id)[0]
            assert attempt == 2, f"C22: fired {attempt - 1} times"
            assert sent - ready <= PROMPT, f"C22: fired {sent - ready:.1f} s after the restart"
        for saga in sagas:
            saga.await_end("completed")
            assert players.commands(saga.id).count(("AuthorizePayment", False)) == 2
    finally:
        players.stop()
