"""All that reads the bus for one service: inbox, consumer, and the redelivery of what is parked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis.consumer import RecordConsumer
from chassis.database import Database
from chassis.dead_letters import DeadLetters
from chassis.definition import Definition
from chassis.dispatch import Dispatch
from chassis.inbox import Inbox
from chassis.kafka import RecordProducer, ensure_topics
from chassis.redelivery import Redelivery
from chassis.refetch import TopicReader

DEVELOPMENT_SESSION, PRODUCTION_SESSION = 6.0, 30.0


def subscribed_topics(definition: Definition) -> tuple[str, ...]:
    """The topics a service reads."""
    topics = {subscription.topic for subscription in definition.subscriptions}
    return tuple(sorted(topics))


class Subscriber:
    """Reads topics and handles their records until stopped. Topics of `unordered` are read without regard to order."""

    def __init__(
        self,
        database: Database,
        dispatch: Dispatch,
        definition: Definition,
        *,
        bootstrap: str,
        member: str = "",
        production: bool = False,
        topics: Iterable[str] | None = None,
        **overrides: Any,
    ) -> None:
        group = definition.group
        self.inbox = Inbox(
            database,
            dispatch,
            group,
            unordered=frozenset(s.topic for s in definition.subscriptions if not s.ordered),
            attempts=definition.limits.dead_letter_attempts,
        )
        # A producer of its own: a dead letter must not wait behind the relay's batches.
        self._producer = RecordProducer(bootstrap, f"{group}.dead-letters")
        dead_letters = DeadLetters(
            self._producer, group, definition.name.text, lambda topic: ensure_topics(bootstrap, [topic])
        )
        self._redelivery = Redelivery(self.inbox, dead_letters, TopicReader(bootstrap, group).missing)
        self.inbox.on_parked = self._redelivery.wake
        self.consumer = RecordConsumer(
            bootstrap,
            self.inbox,
            subscribed_topics(definition) if topics is None else topics,
            member=member,
            session_seconds=PRODUCTION_SESSION if production else DEVELOPMENT_SESSION,
            **overrides,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._redelivery.start()
        self.consumer.start()

    def stop(self) -> None:
        """Finish the records in hand, commit their offsets, end the threads."""
        self.consumer.stop()
        self._redelivery.stop()
        self._producer.close()
