"""Puts the parts of a running service together. Nothing here connects to anything; `open` does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chassis import inbox_store, letters, meters, version
from chassis.codec import Codec
from chassis.cron import Cron
from chassis.database import Database
from chassis.desk import DeadLetterDesk
from chassis.dispatch import Dispatch
from chassis.execute import Executed, execute
from chassis.http import client, idempotency
from chassis.http.admin import Admin
from chassis.http.app import Api
from chassis.http.auth import KeySet, TokenAuthenticator
from chassis.http.calls import Ports
from chassis.http.client import PeerAnswer, PeerClient
from chassis.http.health import Health
from chassis.http.idempotency import SqlIdempotencyStore
from chassis.http.limits import RateLimiter
from chassis.http.operations import SqlOperations
from chassis.http.views import SqlViews
from chassis.kafka import RecordProducer, WantedTopic, ensure_topics
from chassis.letters import LetterReader
from chassis.migrations import migrate
from chassis.outbox import EventOutbox
from chassis.projections import freshness
from chassis.projections.handling import Projector
from chassis.projections.rebuilding import Rebuilder
from chassis.reactions import event_handlers
from chassis.reading import Reading
from chassis.registry import HttpRegistry
from chassis.relay import OutboxRelay
from chassis.saga import SagaAdmin, SagaEngine, participation
from chassis.saga import store as sagas
from chassis.schedule import Job, Timetable, scheduled_commands
from chassis.subscriber import Subscriber, subscribed_topics
from chassis.translation import own_terms
from chassis.work import Connection, MessageContext, UnitOfWork

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.settings import Settings

log = logging.getLogger("chassis")

SWEEP = "17 * * * *"
QUIESCE_MOST, RELAY_MOST, CLOSE_MOST = 20.0, 5.0, 2.0  # seconds
TOPICS_AWAITED = 0.5  # seconds; usually enough to find that all topics are there


class SqlTransactions:
    """Units of work for requests: the database ends statements for which nobody waits any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def work(self, context: MessageContext, seconds: float) -> Iterator[UnitOfWork]:
        """A unit of work whose statements take no longer than `seconds`."""
        with self._database.work(context) as work:
            work.connection.execute(
                "SELECT set_config('statement_timeout', %s, true)", (str(max(1, int(seconds * 1000))),)
            )
            work.deadline = time.monotonic() + seconds
            yield work


class Composition:
    """The parts of one running service, and the order in which they begin and end."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service, self._settings, self._begun = service, settings, time.monotonic()
        definition = service.definition
        self.codec = Codec(definition, HttpRegistry(settings.registry_url))
        outbox = EventOutbox(definition, self.codec, service.names)
        self.database = Database(settings.database_url, outbox, application=definition.name.kebab)
        self.producer = RecordProducer(settings.kafka_bootstrap, settings.instance)
        self.peers = PeerClient(settings, definition.limits)
        self.database.peers = self.peers
        self.engine = SagaEngine(definition, self.codec, outbox, self._execute, self._call)
        self.projector = Projector(service, self.codec)
        self.rebuilder = Rebuilder(self.database, self.projector, settings.kafka_bootstrap, definition.group)
        self.subscriber = Subscriber(
            self.database,
            self._dispatch(),
            definition,
            bootstrap=settings.kafka_bootstrap,
            member=settings.member,
            production=settings.production,
        )
        if definition.projections:
            self.subscriber.consumer.on_pass = freshness.Progress(self.database, definition.projections)
        self.relay = OutboxRelay(self.database, self.producer, settings.instance)
        self.timers = self.engine.timers(self.database) if definition.sagas else None
        self.timetable = Timetable(self._jobs())
        self.health = Health(self.database.ready, lambda: meters.oldest_age(self.database))
        authenticate = TokenAuthenticator(settings.auth, KeySet.at(settings.auth.jwks_url))
        self.api = Api(
            service,
            Ports(
                transactions=SqlTransactions(self.database),
                authenticate=authenticate,
                idempotency=SqlIdempotencyStore(),
                limiter=RateLimiter(definition.limits.rate_limit_per_minute),
                sagas=self.engine,
                steps=self.engine,
                views=SqlViews(service),
            ),
        )
        desk = DeadLetterDesk(
            self.database,
            self.subscriber.inbox,
            LetterReader(settings.kafka_bootstrap, definition.group).read,
            self.producer,
            frozenset(subscribed_topics(definition)),
            owner=settings.instance,
        )
        operations = SqlOperations(
            self.database,
            self.subscriber.inbox,
            SagaAdmin(self.engine, self.database),
            desk,
            definition.source,
            read=Reading(self.codec, definition),
            running=self._running,
            rebuild=self.rebuilder.wake,
        )
        self.admin = Admin(self.health, operations, authenticate)

    def _running(self) -> dict[str, Any]:
        """What operators see of this instance."""
        definition, settings = self._service.definition, self._settings
        return {
            "service": definition.name.text,
            "instance": settings.instance,
            "chassis": version.VERSION,
            "environment": settings.environment,
            "uptime": round(time.monotonic() - self._begun, 1),
            "relayBuckets": self.relay.buckets,
            "consumerAssigned": self.subscriber.consumer.assigned.is_set(),
            "sagaVersions": {flow.name: flow.saga.version for flow in self.engine.ports.flows.values()},
        }

    def _execute(self, name: str, payload: Mapping[str, Any], work: UnitOfWork) -> Executed:
        return execute(self._service, name, payload, work, sagas=self.engine)

    def _call(self, *arguments: Any, **options: Any) -> PeerAnswer:
        """Ask a peer for a saga; its outcome in this context's own terms."""
        answer = self.peers.post(*arguments, **options)
        return replace(answer, data=own_terms(self._service, answer.event, answer.data))

    def _jobs(self) -> list[Job]:
        def sweeping(batch: Callable[[Connection], int]) -> Callable[[object], None]:
            def sweep_all(_: object) -> None:
                swept = 1
                while swept:
                    with self.database.connection() as connection:
                        swept = batch(connection)

            return sweep_all

        sweeps = {
            "idempotency-sweep": idempotency.sweep,
            "inbox-sweep": inbox_store.sweep,
            "participation-sweep": participation.sweep,
            "saga-sweep": sagas.sweep,
            "letter-sweep": letters.sweep,
        }
        jobs = scheduled_commands(self._service, self.database, self.engine)
        return [*jobs, *(Job(name, Cron.parse(SWEEP), sweeping(batch)) for name, batch in sweeps.items())]

    def _dispatch(self) -> Dispatch:
        """Which code handles which record."""
        reactions = event_handlers(self._service, self.codec, self.engine)
        sagas = reactions.merged(self.engine.handlers()).merged(self.engine.command_handlers())
        return sagas.merged(self.projector.handlers().handlers)

    def open(self) -> None:
        """Bring the database up to date, make schemas and topics known, then let the threads begin."""
        definition = self._service.definition
        self.database.open()
        migrate(self.database, self._service.tables, self._service.migrations)
        with self.database.work() as work:
            self.engine.check(work)
            self.projector.declare(work.connection)
        self.subscriber.inbox.dispatch = self._dispatch()  # sagas that began with older definitions may need more
        self.codec.register()
        self._ensure_topics()
        meters.observe(self.database, lambda: self.relay.buckets)
        if definition.peers:
            client.observe(self.peers)
        self.relay.start()
        if self.timers is not None:
            self.timers.start()
        if definition.projections:
            freshness.observe(self.database)
            self.rebuilder.start()
        if definition.subscriptions:
            self.subscriber.start()
        self.timetable.start()

    def _ensure_topics(self) -> None:
        """Make missing topics in a thread: without a broker, or with one that leaves admin calls unanswered, go on."""
        bootstrap, definition = self._settings.kafka_bootstrap, self._service.definition
        topics = [WantedTopic(t.name, t.partitions, t.replicas, t.retention) for t in definition.topics]
        topics += [WantedTopic(t.name, t.partitions, t.replicas, t.retention) for t in definition.recovery_topics]

        def ensure() -> None:
            ensure_topics(bootstrap, topics)
            self.producer.warm_up()  # behind the topics, so that it knows them

        ensuring = threading.Thread(target=ensure, name="topics", daemon=True)
        ensuring.start()
        ensuring.join(TOPICS_AWAITED)

    def quiesce(self) -> None:
        """Begin nothing new: no tick, no timer, no record. Requests may still be under way."""
        ends = [self.timetable.stop, self.subscriber.stop, self.rebuilder.stop]
        if self.timers is not None:
            ends.append(self.timers.stop)
        within(QUIESCE_MOST, *ends)

    def close(self) -> None:
        """Send what the last transactions left in the outbox, give up all leases, and close what is open.

        A broker that is away must not hold up the end: what is not sent stays in the outbox, and leases expire.
        """
        within(RELAY_MOST, self.relay.stop)
        within(CLOSE_MOST, self.producer.close, self.peers.close, self.database.close)


def within(seconds: float, *calls: Callable[[], None]) -> None:
    """Make the calls at the same time and wait for them, but no longer than so many seconds."""
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            log.warning("stopping goes on without waiting any longer")
