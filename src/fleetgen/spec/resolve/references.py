"""Names in parts of a specification that nothing else resolves: each must be the name of something."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.model.fleet import Context
from fleetgen.spec.codes import Code
from fleetgen.spec.grammar.units import Unreadable, share
from fleetgen.spec.node import Mapping, Node, Scalar, Sequence
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.session import Session


def report_unknown(fleet: Reader, contexts: tuple[Context, ...], session: Session) -> None:
    """Check `externals`, `evolution`, `legacy`, `kpis`, `screening` and the platform's `dmz`."""
    names = [each.name for each in contexts]
    services = [service.name for each in contexts for service in each.services]
    externals = [name.text for name, _ in entries(fleet.get("externals"))]
    dmz = _at(fleet.get("platform"), "mesh", "dmz")
    _known("service", [*_behind(fleet.get("externals"), "used-by"), _at(dmz, "ingress")], services, session)
    _known("external", [*_behind(fleet.get("contexts"), "screening", "lists"), _at(dmz, "egress")], externals, session)
    _known("context", _of_items(fleet.get("evolution"), "context"), names, session)
    figures = _at(fleet.get("kpis"), "business")
    _known("event", [*_behind(figures, "good"), *_behind(figures, "of")], session.events, session)
    for context in _behind(fleet.get("contexts"), "models"):
        for _, model in entries(context):
            _whole(_at(model, "versions"), session)
    for tables in _behind(fleet.get("legacy"), "database", "tables"):
        for name, _ in entries(tables):
            session.refer("context", name, names)


def _whole(versions: Node | None, session: Session) -> None:
    """Versions of a model share all of the traffic."""
    parts = []
    for _, part in entries(versions):
        try:
            parts.append(share(part.text) if isinstance(part, Scalar) else 1.0)
        except Unreadable:
            return
    if versions is not None and abs(sum(parts) - 1) > 1e-9:
        said = f"the versions share {sum(parts):.4%} of the traffic"
        session.problems.add(Code.BAD_QUANTITY, said, versions.span, "write shares that make `100%` together")


def _known(kind: str, nodes: Iterable[Node | None], names: Iterable[str], session: Session) -> None:
    known = list(names)
    for node in nodes:
        for name in scalars(node):
            session.refer(kind, name, known)


def _at(node: Node | None, *keys: str) -> Node | None:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _behind(node: Node | None, *keys: str) -> list[Node | None]:
    return [_at(each, *keys) for _, each in entries(node)]


def _of_items(node: Node | None, key: str) -> list[Node | None]:
    return [_at(item, key) for item in node.items] if isinstance(node, Sequence) else []
