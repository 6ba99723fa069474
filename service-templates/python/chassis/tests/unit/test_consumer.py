"""A consumer whose client has lost its way for good begins anew with another one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from chassis import consumer
from chassis.consumer import RecordConsumer
from chassis.dispatch import Record
from chassis.inbox import Inbox
from lab import TYPE, until

PLACE = TopicPartition("lab.events", 0)


class Told:
    """What polling gives: an error, or a record."""

    def __init__(self, code: int | None = None, offset: int = 0) -> None:
        self._error, self._offset = None if code is None else KafkaError(code), offset

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return PLACE.topic

    def partition(self) -> int:
        return PLACE.partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"{}"

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_id", str(self._offset).encode()), ("ce_type", TYPE.encode())]


class Client:
    """Stands in for Kafka's client and does what its script says at each poll."""

    def __init__(self, script: list[Callable[[Client], Told | None]]) -> None:
        self.script = script
        self.committed: list[int] = []
        self.closed = threading.Event()
        self.closing: Callable[[], Any] = lambda: None
        self.held: list[TopicPartition] = []

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def poll(self, seconds: float) -> Told | None:
        if self.script:
            return self.script.pop(0)(self)
        threading.Event().wait(0.005)
        return None

    def consume(self, most: int, seconds: float) -> list[Told]:
        return []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.held += partitions

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self.held = [each for each in self.held if each not in partitions]

    def assignment(self) -> list[TopicPartition]:
        return self.held

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.committed += [place.offset for place in offsets]

    def close(self) -> None:
        self.closing()
        if self.held:
            self.callbacks["on_revoke"](self, self.held)
        self.closed.set()


def assigned(client: Client) -> None:
    client.callbacks["on_assign"](client, [PLACE])


def lost(client: Client) -> None:
    client.callbacks["on_lost"](client, [PLACE])


def fenced(client: Client) -> Told:
    return Told(KafkaError._FATAL)


def record(offset: int) -> Callable[[Client], Told]:
    return lambda client: Told(offset=offset)


class Desk:
    """An inbox that notes what it is given."""

    group = "lab"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.dispatch = SimpleNamespace(of=lambda record: (TYPE,))

    def receive(self, record: Record) -> None:
        self.seen.append(record.offset)


class Stage:
    """The clients in the order in which they are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *clients: Client) -> None:
        self.made: list[Client] = []
        self.answers = True
        self.asked = 0
        self.desk = Desk()
        waiting = list(clients)

        def make(config: dict[str, Any], logger: Any) -> Client:
            self.made.append(waiting.pop(0))
            return self.made[-1]

        def answers(bootstrap: str) -> bool:
            self.asked += 1
            return self.answers

        monkeypatch.setattr(consumer, "Consumer", make)
        monkeypatch.setattr(consumer, "answers", answers)
        monkeypatch.setattr(consumer, "RETRY_BASE_MS", 1)
        monkeypatch.setattr(consumer, "ALONE_LEAST", 0.1)
        monkeypatch.setattr(consumer, "END_SECONDS", 0.1)

    @contextmanager
    def running(self) -> Iterator[RecordConsumer]:
        reader = RecordConsumer("lab:9092", cast(Inbox, self.desk), [PLACE.topic], session_seconds=0.03)
        reader.start()
        try:
            yield reader
        finally:
            reader.stop()


def test_a_fenced_client_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polling tells of a fatal error by its code alone."""
    assert not KafkaError(KafkaError._FATAL).fatal()
    stage = Stage(monkeypatch, Client([assigned, record(0), fenced]), Client([assigned, record(1)]))
    with stage.running():
        until(lambda: stage.desk.seen == [0, 1])
    first, second = stage.made
    assert first.closed.is_set() and second.closed.is_set()
    assert (first.committed, second.committed) == ([1], [2])


def test_a_client_without_partitions_is_replaced_when_the_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, Client([assigned, lost]), Client([assigned, record(0)]))
    with stage.running():
        until(lambda: stage.desk.seen == [0])
        assert len(stage.made) == 2


def test_it_is_kept_while_the_broker_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, Client([assigned, lost]), Client([assigned, record(0)]))
    stage.answers = False
    with stage.running():
        until(lambda: stage.asked == 3)
        assert len(stage.made) == 1
        stage.answers = True
        until(lambda: stage.desk.seen == [0])


def test_it_is_kept_while_it_has_partitions_even_if_none_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(client: Client) -> None:
        client.callbacks["on_assign"](client, [])

    stage = Stage(monkeypatch, Client([none]))
    with stage.running():
        threading.Event().wait(0.4)
        assert (len(stage.made), stage.asked) == (1, 0)


def test_a_client_that_never_closes_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it still says in the end touches nothing of its successor."""
    stuck, successor = Client([assigned, record(0), fenced]), Client([assigned, record(1)])
    go_on = threading.Event()
    stuck.closing = go_on.wait
    stage = Stage(monkeypatch, stuck, successor)
    with stage.running() as reader:
        until(lambda: stage.desk.seen == [0, 1])
        assert not stuck.closed.is_set()
        go_on.set()
        until(stuck.closed.is_set)
        assert reader.assigned.is_set()
    assert (stuck.committed, successor.committed) == ([1], [2])


def test_offsets_that_cannot_be_committed_do_not_keep_it_from_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Client([assigned, record(0), fenced])

    def refuse(offsets: list[TopicPartition], asynchronous: bool) -> None:
        raise KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID))

    monkeypatch.setattr(refusing, "commit", refuse)
    stage = Stage(monkeypatch, refusing, Client([assigned, record(1)]))
    with stage.running():
        until(lambda: stage.desk.seen == [0, 1])
        assert refusing.closed.is_set()
