"""Which templates of a release give what an earlier release gave, as long as the answers are the same."""

from __future__ import annotations

import re

from fleetgen.render.files import Tree

# A tag that brings in another template; no name is caught where that is more than one literal.
_TAG = re.compile(
    rb"""{%[-+]?\s*(?:from|import|include|extends)\b(?:\s*(?:"([^"]+)"|'([^']+)')\s*(?:import\b|as\b|with|-?\+?%}))?"""
)
# The release and the name of the answers file are no answers: what speaks of them may differ all the same.
_OF_THE_RELEASE = b"_copier"
_CONFIGURATION = "copier.yml"


class Unchanged:
    """Compares templates by path, with all that they import; what the text does not tell counts as changed."""

    def __init__(self, then: Tree, now: Tree) -> None:
        self._then, self._now = then, now
        self._known: dict[str, bool] = {}
        self._same_rules = self._same(_CONFIGURATION)

    def __call__(self, path: str) -> bool:
        """Whether the template at `path` gives the same in both releases."""
        if path not in self._known:
            self._known[path] = False  # whoever imports itself
            self._known[path] = self._same_rules and self._same(path) and self._same_inside(path)
        return self._known[path]

    def _same(self, path: str) -> bool:
        return path in self._now and self._then.get(path) == self._now[path]

    def _same_inside(self, path: str) -> bool:
        if _OF_THE_RELEASE in path.encode() or _OF_THE_RELEASE in self._now[path].content:
            return False
        imported = (match[1] or match[2] for match in _TAG.finditer(self._now[path].content))
        return all(name is not None and self(name.decode()) for name in imported)
