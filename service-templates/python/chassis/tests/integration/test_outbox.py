"""Appending: what is committed is there once, in the order of each key; what is rolled back never was."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from chassis.work import MessageContext
from lab import Store


def test_messages_and_effect_are_one(store: Store) -> None:
    store.execute("CREATE TABLE effect (n int)")
    with pytest.raises(RuntimeError), store.database.work() as work:
        work.connection.execute("INSERT INTO effect VALUES (1)")
        work.append(store.message("t", "k"))
        raise RuntimeError
    assert store.value("SELECT count(*) FROM outbox") == 0
    assert store.value("SELECT count(*) FROM effect") == 0
    with store.database.work() as work:
        work.connection.execute("INSERT INTO effect VALUES (1)")
        work.append(store.message("t", "k"))
    assert store.value("SELECT count(*) FROM outbox") == 1
    assert store.value("SELECT count(*) FROM effect") == 1


def test_failed_append_undoes_the_effect(store: Store) -> None:
    store.execute("CREATE TABLE effect (n int)")
    with pytest.raises(psycopg.Error), store.database.work() as work:
        work.connection.execute("INSERT INTO effect VALUES (1)")
        work.append(store.message("t", "nul\x00"))
    assert store.value("SELECT count(*) FROM effect") == 0


def test_savepoint_takes_its_messages_along(store: Store) -> None:
    called: list[str] = []
    with store.database.work() as work:
        work.append(store.message("t", "kept"))
        with pytest.raises(ValueError), work.nested():
            work.append(store.message("t", "gone"))
            work.on_commit(lambda: called.append("gone"))
            raise ValueError
        with work.nested():
            work.append(store.message("t", "also kept"))
            work.on_commit(lambda: called.append("kept"))
        assert not called
    assert store.rows("SELECT msg_key FROM outbox ORDER BY msg_key") == [("also kept",), ("kept",)]
    assert called == ["kept"]


def test_sequence_is_dense_and_in_order_of_publishing(store: Store) -> None:
    store.publish("t", "a", "b", "a", "a")
    store.publish("t", "b", "a")
    rows = store.rows(
        "SELECT msg_key, key_seq, convert_from(payload, 'UTF8')::jsonb->'n' FROM outbox ORDER BY position"
    )
    assert [(seq, n) for key, seq, n in rows if key == "a"] == [(1, 0), (2, 2), (3, 3), (4, 1)]
    assert [(seq, n) for key, seq, n in rows if key == "b"] == [(1, 1), (2, 0)]


def test_rolled_back_number_is_given_again(store: Store) -> None:
    store.publish("t", "a")
    with pytest.raises(RuntimeError), store.database.work() as work:
        work.append(store.message("t", "a"))
        work.flush()
        raise RuntimeError
    store.publish("t", "a")
    assert store.rows("SELECT key_seq FROM outbox ORDER BY position") == [(1,), (2,)]


def test_concurrent_writers_keep_each_key_in_commit_order(store: Store) -> None:
    """Positions of a key ascend with its sequence although transactions overlap and take their locks in any order."""
    keys = [f"k{n}" for n in range(6)]

    def write(seed: int) -> None:
        for turn in range(25):
            store.publish("t", *(keys[(seed * 7 + turn * step) % 6] for step in (1, 3, 5)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    for key in keys:
        sequences = [
            seq for (seq,) in store.rows("SELECT key_seq FROM outbox WHERE msg_key = %s ORDER BY position", key)
        ]
        assert sequences == list(range(1, len(sequences) + 1))


def test_second_writer_of_a_key_waits_for_the_first(store: Store) -> None:
    """Without the key's lock the second could commit, and be sent, before the first."""
    entered = threading.Event()
    done = threading.Event()

    def second() -> None:
        entered.set()
        store.publish("t", "k")
        done.set()

    with store.database.work() as work:
        work.append(store.message("t", "k", 1))
        work.flush()
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        assert not done.wait(0.3)
    assert done.wait(10)
    thread.join()
    assert store.rows("SELECT key_seq FROM outbox ORDER BY position") == [(1,), (2,)]


def test_envelope_says_where_a_message_comes_from(store: Store) -> None:
    context = MessageContext(correlation_id="c-1", causation_id="m-0")
    with store.database.work(context) as work:
        message = store.outbox.envelope(
            topic="t", key="k", ce_type="a.B.v1", payload=b"{}", context=work.context, subject="s", schema="http://r/1"
        )
        work.append(message)
    headers = store.value("SELECT headers FROM outbox")
    assert headers["ce_id"] == str(message.ce_id)
    wanted = {
        "ce_specversion": "1.0",
        "ce_type": "a.B.v1",
        "ce_subject": "s",
        "ce_partitionkey": "k",
        "ce_correlationid": "c-1",
        "ce_causationid": "m-0",
        "ce_dataschema": "http://r/1",
        "content-type": "application/avro",
    }
    assert wanted.items() <= headers.items()
    assert headers["ce_time"].endswith("Z")
    assert "ce_sequence" not in headers
