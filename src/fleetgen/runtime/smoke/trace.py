"""A transaction as one tree of spans, gathered from the receiver."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex

from fleetgen.runtime.http import fetch
from fleetgen.runtime.servers.spans import Span, span_of

_LOOK = 0.1


@dataclass(frozen=True)
class Context:
    """The root of a trace, made by us: every span of the transaction must descend from it."""

    trace: str
    span: str

    @property
    def header(self) -> str:
        """As a `traceparent` that asks to be recorded."""
        return f"00-{self.trace}-{self.span}-01"


def new_context() -> Context:
    """A fresh trace."""
    return Context(token_hex(16), token_hex(8))


@dataclass(frozen=True)
class SpanTree:
    """A span and what it caused. Times are milliseconds since the root began."""

    name: str
    service: str
    kind: str
    begin: float
    duration: float
    error: str
    children: tuple[SpanTree, ...]

    def all(self) -> Iterator[SpanTree]:
        """This one and all below it."""
        yield self
        for child in self.children:
            yield from child.all()


def tree_of(context: Context, title: str, spans: Sequence[Span]) -> tuple[SpanTree, tuple[Span, ...]]:
    """The tree below our root, and the spans whose parent is unknown: in a whole trace there are none."""
    known = {span.id for span in spans} | {context.span}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent].append(span)
    begin = min((span.start for span in spans), default=0)
    end = max((span.end for span in spans), default=0)

    def grown(span: Span) -> SpanTree:
        return SpanTree(
            name=span.name,
            service=span.service,
            kind=span.kind,
            begin=(span.start - begin) / 1e6,
            duration=(span.end - span.start) / 1e6,
            error=span.error,
            children=tuple(grown(child) for child in children[span.id]),
        )

    roots = tuple(grown(span) for span in children[context.span])
    tree = SpanTree(title, "smoke", "client", 0.0, (end - begin) / 1e6, "", roots)
    return tree, tuple(span for span in spans if span.parent not in known)


def gather(receiver: str, context: Context, services: frozenset[str], quiet: float, limit: float) -> list[Span]:
    """Spans of the trace, once all `services` have sent theirs, no parent is missing and nothing came for `quiet` s."""
    end = time.monotonic() + limit
    spans: list[Span] = []
    changed = time.monotonic()
    while time.monotonic() < end:
        reply = fetch("GET", f"{receiver}/traces/{context.trace}")
        now = [span_of(item) for item in reply.json()] if reply is not None and reply.status == 200 else []
        if len(now) != len(spans):
            spans, changed = now, time.monotonic()
        whole = services <= {span.service for span in spans} and not tree_of(context, "", spans)[1]
        if whole and time.monotonic() - changed > quiet:
            break
        time.sleep(_LOOK)
    return spans


def tree_lines(tree: SpanTree) -> list[str]:
    """The tree drawn with lines, one span each: begin and duration, service, name."""
    width = max(len(span.service) for span in tree.all())
    return [f"{_figures(tree)}  {tree.service:<{width}}  {tree.name}", *_below(tree, "", width)]


def _below(tree: SpanTree, indent: str, width: int) -> Iterator[str]:
    for index, child in enumerate(tree.children):
        last = index == len(tree.children) - 1
        error = f"  !! {child.error}" if child.error else ""
        yield f"{_figures(child)}  {child.service:<{width}}  {indent}{'└─ ' if last else '├─ '}{child.name}{error}"
        yield from _below(child, indent + ("   " if last else "│  "), width)


def _figures(tree: SpanTree) -> str:
    return f"{tree.begin:>8.1f} ms {tree.duration:>7.1f} ms"
