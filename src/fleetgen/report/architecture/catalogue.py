"""The event catalogue: what is said, where, and who listens."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.facts.topics import event_topic, message_type
from fleetgen.model.fleet import Aggregate, Context, Event
from fleetgen.report.architecture.markdown import code, codes, page, plain, table
from fleetgen.report.architecture.subject import Subject

_HEAD = ("event", "carries", "key", "read by", "schema")


def event_catalogue(subject: Subject) -> str:
    """The page."""
    readers = _readers(subject)
    parts = [part for context in subject.fleet.contexts for part in _context(subject, context, readers)]
    return page("Events", *(parts or ["No event is written."]))


def _context(subject: Subject, context: Context, readers: dict[str, list[str]]) -> Iterator[str]:
    aggregates = [aggregate for aggregate in context.aggregates if aggregate.events]
    if aggregates:
        yield f"## {plain(context.title)}"
    for aggregate in aggregates:
        yield f"### {plain(aggregate.name)}"
        yield f"Topic {code(event_topic(subject.fleet, aggregate))}, partitioned by {code(aggregate.partition_by)}."
        yield table(_HEAD, (_row(subject, aggregate, event, readers) for event in aggregate.events))


def _row(subject: Subject, aggregate: Aggregate, event: Event, readers: dict[str, list[str]]) -> tuple[str, ...]:
    carried = codes(f"{field.name} {field.sensitive}".strip() for field in event.fields)
    schema = f"contracts/events/{message_type(subject.fleet, event)}.avsc"
    shown = code(schema) if schema in subject.made.files else "not generated"
    return (code(event.name), carried, code(event.key), codes(readers.get(event.name, [])) or "nobody", shown)


def _readers(subject: Subject) -> dict[str, list[str]]:
    """Services that read an event of another."""
    found: dict[str, list[str]] = {}
    for edge in subject.graph.only("event").edges:
        listed = found.setdefault(edge.message, [])
        if edge.source not in listed:
            listed.append(edge.source)
    return found
