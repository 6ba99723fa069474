"""Logs as JSON lines on stdout, one object a line, with the ids of trace and saga. Sensitive fields never get out."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.definition import Definition, Field, Message
from chassis.telemetry import log_context

REDACTED = "[redacted]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def sensitive_names(definition: Definition) -> frozenset[str]:
    """Fields whose tag says that they are sensitive, as on the wire and as attributes.

    Every tagged field counts, whichever tags the fleet lists: a field that is tagged is tagged for a reason.
    """
    tagged = {name for field in _fields(definition) if field.sensitive for name in (field.name.text, field.name.snake)}
    return frozenset(name.lower() for name in (*tagged, *definition.redact))


def _fields(definition: Definition) -> Iterable[Field]:
    for aggregate in definition.aggregates:
        yield from aggregate.fields
    commands, events = definition.commands_by_name.values(), definition.events_by_name.values()
    messages: tuple[Message, ...] = (*commands, *events)
    for message in messages:
        yield from message.fields
    for query in definition.queries:
        yield from (*query.takes, *query.gives)


def redact(value: Any, names: frozenset[str]) -> Any:
    """The value without the content of sensitive fields, at any depth."""
    if isinstance(value, Mapping):
        return {key: REDACTED if str(key).lower() in names else redact(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, names) for item in value]
    return value


def redacted_record(record: logging.LogRecord, names: frozenset[str]) -> logging.LogRecord:
    """A copy fit to leave the process: extras redacted, of an error only its type and place."""
    copied = logging.makeLogRecord(vars(record))
    for key in vars(record).keys() - _STANDARD:
        setattr(copied, key, REDACTED if key.lower() in names else redact(getattr(record, key), names))
    if record.exc_info and record.exc_info[1]:
        copied.error = type(record.exc_info[1]).__name__
        copied.stack = _stack(record.exc_info)
        copied.exc_info = copied.exc_text = None
    return copied


def _stack(exc_info: Any) -> str:
    return without_details("".join(traceback.format_exception(*exc_info)))


class JsonFormatter(logging.Formatter):
    """One JSON object a record: what was passed as `extra` becomes members."""

    def __init__(self, service: str, names: frozenset[str]) -> None:
        super().__init__()
        self._service = service
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": self._service,
            "message": record.getMessage(),
            **log_context(),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line |= redact(extra, self._names)
        if record.exc_info and record.exc_info[1]:
            line["error"] = type(record.exc_info[1]).__name__
            line["stack"] = _stack(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str, separators=(",", ":"))


def without_details(text: str) -> str:
    """An error's text without the lines in which PostgreSQL repeats values of the row."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("DETAIL:", "CONTEXT:")))


def configure(definition: Definition, level: str) -> None:
    """Send all logs of the process to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(definition.name.text, sensitive_names(definition)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "psycopg.pool", "opentelemetry", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
