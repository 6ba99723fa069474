"""Names of a specification: their form, their length in other systems, and what those systems keep for themselves.

Words that only a programming language reserves are not refused: `core.names` maps them safely.
"""

from __future__ import annotations

import re

from fleetgen.core.names import words
from fleetgen.spec.codes import Code, Problems
from fleetgen.spec.naming import a
from fleetgen.spec.node import Scalar
from fleetgen.spec.shape import Form, Name

# `<fleet>-<service>` is one DNS label of at most 63 characters. With these, the longest name of a topic (fleet,
# context, aggregate, group, `dlq`) stays below Kafka's 249.
_MOST_LABEL = {"fleet": 22, "context": 40, "service": 40}
# An SQL identifier has at most 63 bytes; indexes and keys put a prefix before a table's or column's name. A field
# stands twice on some lines of generated code.
_MOST = {**_MOST_LABEL, "field": 45}
_MOST_WORD = 50

_FORMS: dict[Form, tuple[re.Pattern[str], str]] = {
    "kebab": (re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII), "kebab-case"),
    "camel": (re.compile(r"[a-z][A-Za-z0-9]*", re.ASCII), "camelCase"),
    "pascal": (re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII), "PascalCase"),
}
PATTERNS: dict[Form, str] = {form: f"^{pattern.pattern}$" for form, (pattern, _) in _FORMS.items()}

_BARE = frozenset({"true", "false", "null"})

# Windows cannot check out files or folders of these names.
_WINDOWS = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
_FOLDERS = {
    "fleet": "is the chart of the whole fleet",
    "gateway": "is the way in from outside",
    "global": "holds what all charts share",
    "localhost": "means this machine everywhere",
    "kubernetes": "is the cluster's own service",
    **dict.fromkeys(
        (
            *("postgres", "broker", "kafka", "registry", "issuer", "otlp", "jaeger", "collector", "prometheus"),
            *("grafana", "servers", "supervisor"),
        ),
        "is a server or process that runs beside the services",
    ),
}
# Types that generated code in one of the languages cannot do without.
_TYPES = frozenset(
    word
    for line in (
        "Money Accepted Refused Handlers UnitOfWork Service String Object Integer Boolean Exception Error Any None",
        "True False Optional List Map Set UUID Uuid Decimal Instant Record Class Override Promise Array Symbol Date",
        "Json Type Command Event Query Aggregate Repository IllegalState InvariantViolated StrEnum Problem",
    )
    for word in line.split()
)
_SUFFIXES = {"event": ("Event",), "command": ("Command",), "query": ("Query",), "aggregate": ("Aggregate",)}


def canonical(text: str, form: Form) -> str:
    """The name's words joined in that form; a name that differs from it cannot travel between languages."""
    joined = _joined(text, form)
    return joined if _joined(joined, form) == joined else canonical(joined, form)


def _joined(text: str, form: Form) -> str:
    parts = words(text)
    if form == "kebab":
        return "-".join(parts)
    together = "".join(part.capitalize() for part in parts)
    return together if form == "pascal" else together[:1].lower() + together[1:]


def check_name(node: Scalar, shape: Name, problems: Problems) -> bool:
    """Whether the name may stand; says why not."""
    text = node.text
    if text in shape.words:
        return True
    if node.plain and text in _BARE:
        said = f"bare `{text}` is no text to any reader of YAML"
        problems.add(Code.AMBIGUOUS_SCALAR, said, node.span, f'write `"{text}"`')
        return False
    pattern, called = _FORMS[shape.form]
    proper = canonical(text, shape.form)
    if not pattern.fullmatch(text) or proper != text:
        fits = bool(pattern.fullmatch(proper)) and re.fullmatch(r"[A-Za-z0-9 _-]+", text)
        hint = f"write `{proper}`" if fits else "begin with a letter; letters and digits only, no accents"
        problems.add(Code.BAD_NAME, f"`{text}` is not a name of {a(shape.of)}, which is in {called}", node.span, hint)
        return False
    return _length(node, shape, problems) and _free(node, shape, problems)


def _length(node: Scalar, shape: Name, problems: Problems) -> bool:
    most = _MOST.get(shape.of, _MOST_WORD)
    joined = "_".join(words(node.text))
    if len(joined) <= most:
        return True
    label = shape.of in _MOST_LABEL
    why = "`<fleet>-<service>` is one DNS label" if label else "it becomes an SQL identifier, with a prefix"
    problems.add(
        Code.NAME_TOO_LONG,
        f"`{node.text if len(node.text) == len(joined) else joined}` has {len(joined)} characters; {why}",
        node.span,
        f"write at most {most} characters",
    )
    return False


def _free(node: Scalar, shape: Name, problems: Problems) -> bool:
    text = node.text
    reason = ""
    hint = "choose another word"
    if text.lower() in _WINDOWS:
        reason = "is a device on Windows, where no file can have this name"
    elif shape.of in ("context", "service") and text in _FOLDERS:
        reason = _FOLDERS[text]
    elif shape.of in ("context", "service") and text.endswith("-service"):
        reason, hint = "says `service`, which every context is", f"write `{text.removesuffix('-service')}`"
    elif shape.form == "pascal" and text in _TYPES:
        reason = "is a type that generated code needs"
    elif suffix := next((each for each in _SUFFIXES.get(shape.of, ()) if text.endswith(each)), ""):
        reason, hint = f"says `{suffix}`, which its place says already", f"write `{text.removesuffix(suffix)}`"
    if reason:
        problems.add(Code.RESERVED_NAME, f"`{text}` {reason}", node.span, hint)
    return not reason
