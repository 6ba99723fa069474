"""The diagnostics of a contract that breaks its released versions: what, where in the specification, what to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetgen.contracts.breaks import Path, Why
from fleetgen.contracts.compatibility import Misfit, misfits
from fleetgen.contracts.contract import Contract
from fleetgen.contracts.released import Released
from fleetgen.core.diagnostic import Diagnostic, Severity, Span
from fleetgen.model.fleet import Event, Field
from fleetgen.model.types import Type


def judge(contracts: Iterable[Contract], released: Released) -> tuple[Diagnostic, ...]:
    """Every break of every contract, each once, with all released versions it breaks."""
    return tuple(found for contract in contracts for found in _broken(contract, released))


def _broken(contract: Contract, released: Released) -> Iterator[Diagnostic]:
    together: dict[tuple[str, Path, Why, str], list[Misfit]] = {}
    for each in misfits(contract.level, contract.schema, released.of(contract.key)):
        key = (each.reader, each.broken.path, each.broken.why, each.broken.said)
        together.setdefault(key, []).append(each)
    for same in together.values():
        yield _diagnostic(contract, same[0], [each.revision for each in same])


def _diagnostic(contract: Contract, misfit: Misfit, revisions: list[int]) -> Diagnostic:
    kind = "event" if contract.kind == "events" else "command"
    numbers = ", ".join(map(str, revisions))
    versions = f"version{'s' if len(revisions) > 1 else ''} {numbers}"
    name, path = contract.message.name, ".".join(misfit.broken.path)
    what = f"`{path}` {_said(misfit)}" if path else f"it {misfit.broken.said}"
    message = f"the {kind} `{name}` breaks its released {versions}: {what}"
    return Diagnostic("CON-1", "contract-broken", Severity.ERROR, message, span_of(contract, misfit.broken.path),
                      f"{_remedy(misfit)}or begin a new version, which old readers need not understand: "
                      f"`{_new_version(contract)}`")  # fmt: skip


def _said(misfit: Misfit) -> str:
    if misfit.broken.why is Why.NO_DEFAULT and misfit.reader == "old":
        return "was required there, and its readers would no longer find it in every record"
    if misfit.broken.why is Why.NO_DEFAULT and misfit.reader == "new":
        return "is required, and records of that version need not have it"
    return misfit.broken.said


def _remedy(misfit: Misfit) -> str:
    if misfit.broken.why is Why.NO_DEFAULT and misfit.reader == "new":
        return "make it `{optional: …}`, "
    if misfit.broken.why is Why.NO_DEFAULT:
        return "keep it as it was, "
    if misfit.broken.why in (Why.REUSED, Why.NAME) and misfit.broken.path:
        return "choose a name that no released version had, "
    return "give it back what it was and add what is new beside it as `{optional: …}`, " if misfit.broken.path else ""


def _new_version(contract: Contract) -> str:
    message = contract.message
    place = "events" if isinstance(message, Event) else "commands"
    return f"{place}: {{{message.name}: {{version: {message.version + 1}}}}}"


def span_of(contract: Contract, path: Path) -> Span:
    """Where a field is described; where it is gone or nobody wrote it, where the message is named."""
    message = contract.message
    fields = message.fields if isinstance(message, Event) else message.inputs
    values = {value.name: value.fields for value in contract.values}
    span = message.span
    for name in path:
        found = next((each for each in fields if each.name == name), None)
        if found is None:
            return span
        span = found.span if _written(found) else span
        fields = values.get(_value(found.type), ())
    return span


def _written(field: Field) -> bool:
    """Whether a person wrote it: the key that fleetgen makes is described nowhere."""
    return (field.span.line, field.span.column) != (1, 1)


def _value(type_: Type) -> str:
    return _value(type_.of) if type_.of is not None else type_.value
