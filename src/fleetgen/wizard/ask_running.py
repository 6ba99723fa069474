"""Questions about how it runs: stacks and stores, the platform, load and objectives, the way out of the old system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleetgen.spec.shape import Entry, Record, Shape
from fleetgen.spec.table.context import CONTEXT, LOAD, SLO
from fleetgen.spec.table.fleet import WAVE
from fleetgen.spec.table.platform import PLATFORM
from fleetgen.wizard.forms import Line, Lines
from fleetgen.wizard.question import Question

_TOPIC = "How it runs"
_GATEWAYS = ("kong", "istio", "none")
# Keys of the platform and of figures with a question of their own: text, about, default.
PLATFORM_LINES = {
    ("events", "retention"): (
        "How long does the event bus keep events?",
        "As long as a new reader may want to look back: `7d`, `30d`.",
    ),
    ("telemetry", "sampling"): (
        "Which share of traces is kept?",
        "`100%` while there is little traffic, `1%` where there is much.",
    ),
}
_NOTHING = "Empty for no figure."
FIGURES = {
    ("load", "peak"): ("How many requests come at the busiest time?", f"A rate: `800/s`, `1000/min`. {_NOTHING}"),
    ("load", "users"): ("How many people use it?", f"A number. {_NOTHING}"),
    ("slo", "availability"): ("Which share of requests must be good?", f"The objective: `99.9%`. {_NOTHING}"),
    ("slo", "p95"): ("Within which time are 95 of 100 requests answered?", f"A time: `300ms`. {_NOTHING}"),
}


def evolution(contexts: Mapping[str, Any]) -> Iterator[Question]:
    """How the old system is taken apart."""
    yield Question(
        "evolution",
        _TOPIC,
        "Which context is taken out of the old system, in which order, and how?",
        "One wave a line, strangler-fig, database-decomposition or event-interception: `catalog: strangler-fig`.",
        Lines(_each(contexts, "wave", WAVE.entry("by").shape)),
        owns=(("evolution",),),
    )


def stacks(contexts: Mapping[str, Any]) -> Iterator[Question]:
    """Languages and databases, a line a context."""
    yield _per_context(
        "stack", contexts, "python", "Which stack is each service in?", "python, node, java, go, erlang."
    )
    about = "Databases by role, each of this service alone: `{primary: postgresql, cache: redis}`."
    yield _per_context("stores", contexts, "{primary: postgresql}", "Where does each service keep its data?", about)


def _per_context(key: str, contexts: Mapping[str, Any], default: str, text: str, about: str) -> Question:
    lines = "\n".join(f"{name}: {default}" for name in contexts)
    form = Lines(_each(contexts, "list", CONTEXT.entry(key).shape))
    owns = (("contexts", "*", key),)
    return Question(
        f"{key}s" if key == "stack" else key, _TOPIC, text, f"One context a line. {about}", form, lines, owns
    )


def _each(contexts: Mapping[str, Any], title: str, shape: Shape) -> Record:
    """A mapping from the contexts there are."""
    return Record(title, tuple(Entry(name, shape, "") for name in contexts))


def platform() -> Iterator[Question]:
    """What all services share."""
    form = Line(_platform("gateway", "kind"), required=True, choices=_GATEWAYS)
    about = "It checks tokens and limits rates; none, where something in front of the fleet does."
    yield Question(
        "platform/gateway/kind",
        _TOPIC,
        "Which gateway is the way in?",
        about,
        form,
        "kong",
        (("platform", "gateway"),),
    )
    for (group, key), (text, about) in PLATFORM_LINES.items():
        shape = _platform(group, key)
        default = _record(group).entry(key).default
        owns = (("platform", group, key),)
        yield Question(f"platform/{group}/{key}", _TOPIC, text, about, Line(shape), default, owns)
    yield Question(
        "platform/more",
        _TOPIC,
        "Anything else about the platform?",
        "Keys of the platform as in fleet.yaml, one a line: `events: {replicas: 3}`, mesh, … Empty for nothing.",
        Lines(PLATFORM),
        owns=(("platform",),),
    )


def figures() -> Iterator[Question]:
    """Load and objectives of the whole."""
    for (group, key), (text, about) in FIGURES.items():
        shape = (LOAD if group == "load" else SLO).entry(key).shape
        yield Question(f"{group}/{key}", _TOPIC, text, about, Line(shape), "", ((group, key), (group,)))


def _record(group: str) -> Record:
    shape = PLATFORM.entry(group).shape
    assert isinstance(shape, Record)
    return shape


def _platform(group: str, key: str) -> Shape:
    return _record(group).entry(key).shape


def platform_default(group: str, key: str) -> str:
    """What the platform says where nothing is written."""
    return _record(group).entry(key).default
