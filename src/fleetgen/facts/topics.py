"""Names of topics, types and routes: derived from the specification's names in one place."""

from __future__ import annotations

from fleetgen.core import names
from fleetgen.facts.schema import Name, Route, TopicFact
from fleetgen.model.fleet import Aggregate, Command, Event, Fleet, Query, ReadModel, Service

REPLY_RETENTION = 86400.0
RETRY_LEVELS = 4
"""Retry topics of a subscription that keeps no order; level 0, for redriven records, every subscription has."""


def name_fact(text: str) -> Name:
    """A name in all its cases."""
    return Name(
        text=text, snake=names.snake(text), kebab=names.kebab(text), camel=names.camel(text), pascal=names.pascal(text)
    )


def event_topic(fleet: Fleet, aggregate: Aggregate) -> str:
    """`shop.order.order.events`: one topic an aggregate, so that its events keep their order."""
    context = fleet.context_of[aggregate.name].name
    return f"{names.kebab(fleet.name)}.{names.kebab(context)}.{names.kebab(aggregate.name)}.events"


def service_topic(fleet: Fleet, service: Service, what: str) -> str:
    """`shop.order.commands`, `shop.order.replies`, `shop.order.fulfilment`."""
    return f"{names.kebab(fleet.name)}.{names.kebab(service.name)}.{what}"


def message_type(fleet: Fleet, message: Event | Command) -> str:
    """The `ce_type`: `order.OrderPlaced.v1`."""
    return f"{names.kebab(fleet.context_of[message.name].name)}.{message.name}.v{message.version}"


def topic_fact(fleet: Fleet, name: str, retention: float | None = None) -> TopicFact:
    """A topic with the platform's figures."""
    platform = fleet.platform
    kept = platform.retention if retention is None else retention
    return TopicFact(name=name, partitions=platform.partitions, replicas=platform.replicas, retention=kept)


def collection(aggregate: Aggregate) -> str:
    """The path segment of an aggregate: `orders`."""
    return names.plural(aggregate.name)


def command_route(aggregate: Aggregate, command: Command) -> Route:
    """`POST /orders` for the first creating command, `POST /orders/{id}/confirm` for one on an existing aggregate."""
    path = f"/{collection(aggregate)}"
    if command.target == "existing":
        return Route(method="POST", path=f"{path}/{{{aggregate.key.name}}}/{_verb(aggregate, command)}")
    first = next(other for other in aggregate.commands if other.target == command.target)
    if command.target == "new" and first is command:
        return Route(method="POST", path=path)
    return Route(method="POST", path=f"{path}/{names.kebab(command.name)}")


def query_route(aggregate: Aggregate, query: Query) -> Route:
    """`GET /orders/{id}` and `GET /orders`; further searches under their own name."""
    path = f"/{collection(aggregate)}"
    first = next(other for other in aggregate.queries if other.kind == query.kind)
    tail = "" if first is query else f"/{names.kebab(query.name)}"
    if query.kind == "by-key":
        return Route(method="GET", path=f"{path}/{{{aggregate.key.name}}}{tail}")
    return Route(method="GET", path=path + (f"/-{tail}" if tail else ""))


def read_model_route(model: ReadModel) -> Route:
    """`GET /customer-orders/{customerId}`."""
    return Route(method="GET", path=f"/{names.kebab(model.name)}/{{{model.key}}}")


def _verb(aggregate: Aggregate, command: Command) -> str:
    """`confirm` of `ConfirmOrder`, unless another command of the aggregate would read the same."""

    def short(of: Command) -> str:
        head, tail = names.kebab(of.name), f"-{names.kebab(aggregate.name)}"
        return head.removesuffix(tail) or head

    alike = [other for other in aggregate.commands if short(other) == short(command)]
    return short(command) if len(alike) == 1 else names.kebab(command.name)
