"""Handlers that fail or dawdle when a test asks for it."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.message import to_wire


class HandlerFailed(Exception):
    """Raised instead of handling because a test asked for it."""


@dataclass
class Wish:
    """What becomes of the calls it fits: of one handler or of all, with any input or one that has `value` in it."""

    handler: str = ""
    value: str = ""
    fail_next: int = 0
    permanent: bool = False
    slow_ms: int = 0


class Handlers:
    """Stands before the handlers of a service."""

    def __init__(self) -> None:
        self._wish = Wish()
        self._guard = threading.Lock()

    def set(self, wish: Wish) -> None:
        """From now on."""
        with self._guard:
            self._wish = wish

    def around(self, name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler, behind what is wished."""

        @functools.wraps(handler)
        def handle(message: Any, *rest: Any) -> Any:
            self._meet(name, message)
            return handler(message, *rest)

        return handle

    def _meet(self, name: str, message: Any) -> None:
        with self._guard:
            wish = self._wish
            if wish.handler not in ("", name) or not _has(message, wish.value):
                return
            fails = wish.permanent or wish.fail_next > 0
            wish.fail_next = max(0, wish.fail_next - 1)
        if wish.slow_ms:
            time.sleep(wish.slow_ms / 1000)
        if fails:
            raise HandlerFailed(name)


def _has(message: Any, value: str) -> bool:
    return not value or value in (str(found) for found in to_wire(message).values())


def wish_of(content: Mapping[str, Any]) -> Wish:
    """The wish in a request's body; `TypeError` where it says something else."""
    return Wish(**content)
