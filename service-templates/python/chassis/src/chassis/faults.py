"""Labelled points at which a test may kill, stop or delay the process. Without a hook they cost one comparison."""

from __future__ import annotations

from collections.abc import Callable

Hook = Callable[[str, str], None]
"""Called with the label and a detail, such as the topic or the type of the record in hand."""

_hook: Hook | None = None


def install(hook: Hook | None) -> None:
    """Call `hook` at every point from now on; `None` takes it away."""
    global _hook  # noqa: PLW0603 - one hook a process is the purpose
    _hook = hook


def point(label: str, detail: str = "") -> None:
    """A place where a crash must do no harm."""
    if _hook is not None:
        _hook(label, detail)
