"""All that reads the bus for one service: inbox, consumer, and the redelivery of what is parked."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from chassis.consumer import RecordConsumer
from chassis.database import Database
from chassis.dead_letters import DeadLetters
from chassis.definition import Definition
from chassis.dispatch import Dispatch
from chassis.forwarding import Forwarding
from chassis.inbox import Inbox
from chassis.kafka import RecordProducer, ensure_topics
from chassis.redelivery import Redelivery
from chassis.refetch import TopicReader
from chassis.retry_reader import RetryReader
from chassis.retry_rules import DELAYS, retry_topics

DEVELOPMENT_SESSION, PRODUCTION_SESSION = 6.0, 30.0


def subscribed_topics(definition: Definition) -> tuple[str, ...]:
    """The topics a service reads."""
    topics = {subscription.topic for subscription in definition.subscriptions}
    return tuple(sorted(topics))


def read_again(definition: Definition, levels: int = len(DELAYS)) -> tuple[str, ...]:
    """The retry topics a service reads."""
    group = definition.group
    of = (retry_topics(s.topic, group, ordered=s.ordered, levels=levels) for s in definition.subscriptions)
    return tuple(topic for topics in of for topic in topics)


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
        delays: Sequence[float] = DELAYS,
        **overrides: Any,
    ) -> None:
        """`delays` are the seconds that records of unordered topics wait in one retry topic after the other."""
        group = definition.group
        session = PRODUCTION_SESSION if production else DEVELOPMENT_SESSION
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
            self._producer,
            group,
            definition.name.text,
            lambda topics: ensure_topics(bootstrap, topics),
            delays=delays,
            retention=definition.limits.dead_letter_retention,
        )
        read = [(subscription.topic, subscription.ordered) for subscription in definition.subscriptions]
        self._prepare = partial(dead_letters.prepare, read)
        self._redelivery = Redelivery(
            self.inbox,
            dead_letters,
            TopicReader(bootstrap, group).missing,
            advance=definition.limits.on_dead_letter == "advance",
        )
        self.inbox.on_parked = self._redelivery.wake
        self.inbox.forward = Forwarding(self.inbox, dead_letters)
        self.retries = RetryReader(bootstrap, self.inbox, read_again(definition, len(delays)), session_seconds=session)
        self.consumer = RecordConsumer(
            bootstrap,
            self.inbox,
            subscribed_topics(definition) if topics is None else topics,
            member=member,
            session_seconds=session,
            **overrides,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        self._redelivery.start()
        self.retries.start()
        self.consumer.start()

    def stop(self) -> None:
        """Finish the records in hand, commit their offsets, end the threads."""
        self.consumer.stop()
        self.retries.stop()
        self._redelivery.stop()
        self._producer.close()
