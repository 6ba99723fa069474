"""What a service says and hears on the bus, from its facts: the contents of its AsyncAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetgen.contracts.asyncapi import Channel, Operation, Spoken
from fleetgen.facts.schema import CommandFact, EventFact, MessageFact, SagaFact, SagaStepFact, ServiceFacts, TopicFact

REPLY = Spoken("fleet.saga.reply.v1", "A reply without an event: the reason why there is none")
NOTICES = (
    Spoken("fleet.fulfilment.overdue.v1", "A saga is late: an event that it waits for did not come"),
    Spoken("fleet.saga.aborted.v1", "An operator gave a saga up"),
    Spoken("fleet.saga.retry.v1", "An operator has a step of a saga tried again"),
    Spoken("fleet.saga.skipped.v1", "An operator had a step of a saga left out"),
    Spoken("fleet.saga.stuck.v1", "A saga does not go on by itself"),
    Spoken("fleet.saga.undone.v1", "A saga has undone its steps"),
)


def channels(topics: Iterable[TopicFact]) -> tuple[Channel, ...]:
    """Topics with their figures."""
    return tuple(Channel(each.name, each.partitions, each.replicas, each.retention) for each in topics)


def operations(service: ServiceFacts) -> tuple[Operation, ...]:
    """All it sends, then all it receives, by topic; an operation without messages is none."""
    said = _Said(service)
    found = (*said.events(), *said.commands(), *said.replies(), *said.notices(), *said.heard())
    return tuple(
        sorted((each for each in found if each.messages), key=lambda each: (each.action != "send", each.topic))
    )


class _Said:
    """The messages of one service by their names."""

    def __init__(self, service: ServiceFacts) -> None:
        self._me = service
        self._events = {event.name.text: event for event in (*service.foreign_events, *service.events)}
        self._commands = {each.name.text: each for each in (*service.foreign_commands, *service.commands)}
        self._conducted = [saga for saga in service.sagas if self._conducts(saga)]

    def _conducts(self, saga: SagaFact) -> bool:
        return saga.mode == "orchestration" and saga.owner == self._me.name.kebab

    def events(self) -> Iterator[Operation]:
        """Its own events."""
        for topic in dict.fromkeys(event.topic for event in self._me.events):
            own = [event for event in self._me.events if event.topic == topic]
            yield Operation("send", topic, "Publishes its events", _spoken(own))

    def commands(self) -> Iterator[Operation]:
        """Commands of the sagas it conducts, its own steps included."""
        steps = [step for saga in self._conducted for step in saga.steps]
        for topic in dict.fromkeys(step.command_topic for step in steps):
            sent = [name for step in steps if step.command_topic == topic for name in _asked(step)]
            yield Operation("send", topic, "Asks the participants of its sagas", self._of(self._commands, sent))

    def replies(self) -> Iterator[Operation]:
        """Answers to whoever conducts a saga it takes part in."""
        topics: dict[str, list[str]] = {}
        for saga in self._me.sagas:
            if saga.mode == "orchestration":
                mine = [step for step in saga.steps if step.service == self._me.name.kebab]
                topic = f"{self._me.fleet}.{saga.owner}.replies"
                topics.setdefault(topic, []).extend(name for step in mine for name in _answered(step))
        for topic, answers in topics.items():
            if answers:
                messages = (*self._of(self._events, answers), REPLY)
                yield Operation("send", topic, "Answers commands of sagas", messages)

    def notices(self) -> Iterator[Operation]:
        """What whoever owns a saga says of its course."""
        owned = [saga.fulfilment_topic for saga in self._me.sagas if saga.owner == self._me.name.kebab]
        for topic in dict.fromkeys(owned):
            yield Operation("send", topic, "Tells when a saga is late or stuck", NOTICES)

    def heard(self) -> Iterator[Operation]:
        """Every topic it reads."""
        for each in self._me.subscriptions:
            yield Operation("receive", each.topic, _summary(each.topic), self._heard_on(each.topic, each.events))

    def _heard_on(self, topic: str, events: tuple[str, ...]) -> tuple[Spoken, ...]:
        if events:
            return self._of(self._events, events)
        if topic == self._me.command_topic:
            return self._of(self._commands, self._own_steps())
        if topic == self._me.reply_topic:
            answers = [name for saga in self._conducted for step in saga.steps for name in _answered(step)]
            return (*self._of(self._events, answers), REPLY)
        return NOTICES

    def _own_steps(self) -> list[str]:
        sagas = [saga for saga in self._me.sagas if saga.mode == "orchestration"]
        mine = [step for saga in sagas for step in saga.steps if step.service == self._me.name.kebab]
        return [name for step in mine for name in _asked(step)]

    def _of(self, known: dict[str, EventFact] | dict[str, CommandFact], wanted: Iterable[str]) -> tuple[Spoken, ...]:
        return _spoken(known[name] for name in sorted(set(wanted)))


def _asked(step: SagaStepFact) -> list[str]:
    """The commands of a step that travel on the bus: one that is called does not, its undo does."""
    return [name for name in ("" if step.call else step.name, step.undo) if name]


def _answered(step: SagaStepFact) -> list[str]:
    answers = ("", "") if step.call else (step.succeeds_with, step.refuses_with)
    return [name for name in (*answers, step.undone_with) if name]


def _summary(topic: str) -> str:
    last = topic.rpartition(".")[2]
    return {
        "events": "Reacts to events",
        "commands": "Carries out commands of sagas",
        "replies": "Learns how commands of its sagas ended",
        "fulfilment": "Learns that a saga it takes part in is late",
    }[last]


def _spoken(messages: Iterable[MessageFact]) -> tuple[Spoken, ...]:
    return tuple(_message(each) for each in messages)


def _message(message: MessageFact) -> Spoken:
    folder = "commands" if isinstance(message, CommandFact) else "events"
    ending = "avsc" if message.protobuf is None else "proto"
    text = "" if message.protobuf is None else message.protobuf.text
    return Spoken(message.type, message.name.text, f"../{folder}/{message.type}.{ending}", text)
