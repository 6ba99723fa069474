"""Shows operators what a message says, without what is sensitive."""

from __future__ import annotations

from typing import Any

from chassis.codec import Codec
from chassis.definition import Definition
from chassis.dispatch import Record
from chassis.logs import redact, sensitive_names


class Reading:
    """Callable with a record."""

    def __init__(self, codec: Codec, definition: Definition) -> None:
        self._codec, self._names = codec, sensitive_names(definition)

    def __call__(self, record: Record) -> Any:
        """Its content, or why there is none to see."""
        if record.payload is None:
            return None
        try:
            return redact(self._codec.decode(record), self._names)
        except Exception as error:  # it is here because it is broken
            return {"unreadable": type(error).__name__, "bytes": len(record.payload)}
