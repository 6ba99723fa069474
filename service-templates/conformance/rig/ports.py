"""Ports that nothing listens on."""

from __future__ import annotations

import itertools
import os

from fleetgen.runtime.ports import is_free

_FIRST, _LAST = 15_000, 19_900  # below those that the runtime keeps and those of outgoing connections
_next = itertools.count(os.getpid() * 37)


def free_ports(count: int) -> list[int]:
    """Different ones at every call, so that a service that starts slowly loses none to the next."""
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + next(_next) % (_LAST - _FIRST)
        if is_free(port):
            found.append(port)
    return found
