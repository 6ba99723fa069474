"""`copier.yml` of our templates: the parts of copier that we use, and a refusal of all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fleetgen.render.answers import recordable
from fleetgen.render.templates import TemplatesError

# What rendering obeys, and what concerns copier's own command line only.
_OBEYED = {"subdirectory", "exclude", "skip_if_exists", "envops", "templates_suffix"}
_HARMLESS = {
    "min_copier_version",
    "message_before_copy",
    "message_after_copy",
    "message_before_update",
    "message_after_update",
}
_QUESTION = {"type", "default", "help", "ask", "validator", "placeholder"}


@dataclass(frozen=True)
class Configuration:
    """What `copier.yml` says."""

    subdirectory: str
    exclude: tuple[str, ...]
    once: tuple[str, ...]  # `_skip_if_exists`: patterns of files that are given, never changed
    environment: Mapping[str, Any]
    suffix: str
    questions: Mapping[str, Mapping[str, Any]]

    def answers(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answers to be recorded: those given, else the defaults; what nobody asked is left out."""
        plain = recordable(dict(given))
        return {name: _answer(name, question, plain) for name, question in self.questions.items()}


def parse(content: bytes) -> Configuration:
    """Read a configuration; a feature that rendering does not follow is an error, not silence."""
    raw = yaml.safe_load(content)
    settings = {name[1:]: value for name, value in raw.items() if name.startswith("_")}
    if strange := sorted(settings.keys() - _OBEYED - _HARMLESS):
        raise TemplatesError(f"copier.yml uses {', '.join(f'`_{name}`' for name in strange)}, which is not supported")
    questions = {name: _question(name, value) for name, value in raw.items() if not name.startswith("_")}
    suffix = settings.get("templates_suffix", ".jinja")
    if not suffix:
        raise TemplatesError("copier.yml has an empty `_templates_suffix`, which is not supported")
    return Configuration(
        subdirectory=settings.get("subdirectory", ""),
        exclude=tuple(settings.get("exclude", ())),
        once=tuple(settings.get("skip_if_exists", ())),
        environment=settings.get("envops", {}),
        suffix=suffix,
        questions=questions,
    )


def _question(name: str, value: Any) -> Mapping[str, Any]:
    question = value if isinstance(value, dict) else {"default": value}
    if strange := sorted(question.keys() - _QUESTION):
        raise TemplatesError(
            f"question `{name}` uses {', '.join(f'`{key}`' for key in strange)}, which is not supported"
        )
    default = question.get("default")
    if isinstance(default, str) and "{" in default:
        raise TemplatesError(f"question `{name}` has a default that must be rendered, which is not supported")
    return question


def _answer(name: str, question: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    if name not in given and "default" not in question:
        raise TemplatesError(f"no answer to `{name}`")
    value = given.get(name, recordable(question.get("default")))
    kind = question.get("type") or type(question.get("default")).__name__
    return yaml.safe_load(value) if isinstance(value, str) and kind not in {"str", "path"} else value
