"""The tables that a specification asks for."""

from __future__ import annotations

import json
from hashlib import sha256

from fleetgen.core import names
from fleetgen.facts.build import indexes
from fleetgen.facts.topics import collection
from fleetgen.model.fleet import Aggregate, Field, Service, Value
from fleetgen.model.types import Type
from fleetgen.storage.tables import Column, Index, Table, Tables

VERSION = Column(name="_version", kind="version")
_LONGEST = 63  # bytes of an identifier in PostgreSQL


def wanted(service: Service) -> Tables:
    """The tables of a service as a database without a past would have them."""
    return Tables(tables=tuple(_table(aggregate, service) for aggregate in service.aggregates))


def table_name(aggregate: Aggregate) -> str:
    """As in the facts."""
    return collection(aggregate).replace("-", "_")


def former_table(aggregate: Aggregate) -> str:
    """The table of the aggregate that this one was, or nothing."""
    return names.plural(aggregate.renamed_from).replace("-", "_") if aggregate.renamed_from else ""


def short(name: str) -> str:
    """An identifier that fits: as the templates shorten the names of indexes."""
    return name if len(name) <= _LONGEST else f"{name[:54]}_{sha256(name.encode()).hexdigest()[:8]}"


def _table(aggregate: Aggregate, service: Service) -> Table:
    name = table_name(aggregate)
    values = {value.name: value for value in aggregate.values}
    columns = [_column(field, values) for field in aggregate.fields]
    if aggregate.states:
        columns.append(Column(name="state", kind="state"))
    return Table(
        name=name,
        aggregate=aggregate.name,
        key=names.snake(aggregate.key.name),
        columns=(*columns, VERSION),
        states=aggregate.states,
        indexes=tuple(
            Index(name=short(f"{name}_{'_'.join(columns)}"), columns=columns)
            for columns in indexes(aggregate, service.policies)
        ),
    )


def _column(field: Field, values: dict[str, Value]) -> Column:
    optional = field.type.kind == "optional"
    of = field.type.of if optional and field.type.of else field.type
    return Column(
        name=names.snake(field.name),
        kind=of.kind,
        optional=optional,
        nullable=optional,
        shape=_shape(of, values) if of.kind in ("value", "list") else "",
    )


def _shape(of: Type, values: dict[str, Value]) -> str:
    """What is inside, as a digest: enough to see that it changed."""
    return sha256(json.dumps(_inside(of, values)).encode()).hexdigest()[:16]


def _inside(of: Type, values: dict[str, Value]) -> object:
    if of.of is not None:
        return [of.kind, _inside(of.of, values)]
    if of.value not in values:
        return of.value or of.kind
    return sorted((field.name, _inside(field.type, values)) for field in values[of.value].fields)
