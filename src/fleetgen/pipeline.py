"""Composes the stages: a specification in, what the monorepo should hold out. Opens no file but the specification."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fleetgen.analysis.engine import judge
from fleetgen.analysis.waivers import Acceptance
from fleetgen.contracts import verdict
from fleetgen.contracts.contract import Contract
from fleetgen.contracts.released import Released
from fleetgen.core import names
from fleetgen.core.diagnostic import Diagnostic, has_errors, ordered
from fleetgen.evolve.desired import Desired, place
from fleetgen.evolve.own import OwnStack
from fleetgen.evolve.recorded import NOTHING, Recorded
from fleetgen.facts.build import package_name
from fleetgen.facts.contracts import contracts
from fleetgen.model.fleet import Fleet
from fleetgen.monorepo import Monorepo
from fleetgen.render.files import File, Tree
from fleetgen.render.templates import Templates
from fleetgen.report.architecture import Subject, subject_of
from fleetgen.spec.edit import files_of, replace_stack
from fleetgen.spec.load import load, load_text, load_texts
from fleetgen.spec.node import Document
from fleetgen.spec.resolve import resolve
from fleetgen.storage.migrations import migrate
from fleetgen.storage.reports import nothing_to_contract

STACKS = frozenset({"python"})  # stacks whose templates exist
# Where a stack's chassis looks for numbered files of its database; a stack without has `gen/tables.sql` alone.
_MIGRATIONS = {"python": "src/{package}/gen/migrations"}


@dataclass(frozen=True)
class Prepared:
    """A specification for a new fleet: checked, and the files a person will own."""

    checked: Checked
    files: Mapping[str, File]


@dataclass(frozen=True)
class Checked:
    """A specification after loading, resolving and lint. `fleet` is None where an error came before, `document` where
    nothing can be read.
    """

    fleet: Fleet | None
    diagnostics: tuple[Diagnostic, ...]
    accepted: tuple[Acceptance, ...] = ()
    document: Document | None = None

    @property
    def sources(self) -> Mapping[str, str]:
        """File -> text, to quote from."""
        return self.document.texts if self.document else {}

    @property
    def failed(self) -> bool:
        """Whether nothing may be written."""
        return self.fleet is None or has_errors(self.diagnostics)


def check(specification: Path, own: Collection[str] = ()) -> Checked:
    """Load, resolve and lint a specification: a file, or the folder that holds `fleet.yaml`.

    `own` are the stacks that the fleet brings templates of its own for.
    """
    return _checked(*load(specification), own)


def check_text(text: str) -> Checked:
    """The same for a text that is not in a file yet."""
    return _checked(*load_text(text), ())


def _checked(document: Document | None, diagnostics: tuple[Diagnostic, ...], own: Collection[str]) -> Checked:
    return Checked(None, ordered(diagnostics)) if document is None else _resolved(document, diagnostics, own)


def check_texts(path: str, texts: Mapping[str, str], own: Collection[str] = ()) -> Checked:
    """The same for texts that are not in their files yet; `path` names the main one."""
    document, diagnostics = load_texts(path, dict(texts))
    return _resolved(document, diagnostics, own)


def _resolved(document: Document, diagnostics: tuple[Diagnostic, ...], own: Collection[str]) -> Checked:
    fleet, unresolved = resolve(document)
    diagnostics = (*diagnostics, *unresolved)
    if fleet is None:
        return Checked(None, ordered(diagnostics), document=document)
    verdict = judge(fleet, stacks=STACKS | set(own))
    return Checked(fleet, ordered((*diagnostics, *verdict.diagnostics)), verdict.accepted, document)


def prepare(specification: Path, stack: str = "", own: Collection[str] = ()) -> Prepared:
    """Check a specification for a new fleet; with `stack`, every service is put into it first.

    What the stack lacks is replaced in the specification itself, so that later plans agree, and told of.
    """
    return _prepared(*load(specification), stack, own)


def prepare_text(text: str, stack: str = "", own: Collection[str] = ()) -> Prepared:
    """The same for a text that is not in a file yet."""
    return _prepared(*load_text(text), stack, own)


def _prepared(
    document: Document | None, diagnostics: tuple[Diagnostic, ...], stack: str, own: Collection[str]
) -> Prepared:
    if document is None:
        return Prepared(Checked(None, ordered(diagnostics)), {})
    replaced = replace_stack(document, stack) if stack else document
    checked = _resolved(replaced, diagnostics, own)
    return Prepared(checked, {path: File(text.encode()) for path, text in files_of(replaced).items()})


def contracts_of(checked: Checked, released: Released) -> tuple[Contract, ...]:
    """The contracts of all events and commands; none of a specification with errors."""
    return contracts(checked.fleet, released) if checked.fleet is not None else ()


def judge_contracts(checked: Checked, released: Released) -> tuple[Diagnostic, ...]:
    """Where contracts break what was released of them."""
    return ordered(verdict.judge(contracts_of(checked, released), released))


def migration_folders(checked: Checked) -> dict[str, str]:
    """Service -> the folder of the monorepo that holds the numbered files of its database."""
    fleet = checked.fleet
    found = {}
    for service in fleet.services if fleet else ():
        inside = _MIGRATIONS.get(service.stack)
        if fleet and inside and "postgresql" in service.stores.values():
            folder = f"services/{names.kebab(service.name)}"
            found[service.name] = place(folder, inside.format(package=package_name(fleet, service)))
    return found


def migrations(checked: Checked, known: Tree, contracts: Collection[str] = ()) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The numbered files that every service has and those that the specification makes necessary.

    `known` are those there are, by path; none is ever changed. A service in `contracts` is contracted.
    """
    if checked.fleet is None:
        return known, ()
    files = dict(known)
    past: dict[str, dict[str, bytes]] = {}
    for path, file in known.items():
        folder, _, name = path.rpartition("/")
        past.setdefault(folder, {})[name] = file.content
    found: list[Diagnostic] = []
    services = {service.name: service for service in checked.fleet.services}
    folders = migration_folders(checked)
    for name, folder in folders.items():
        made = migrate(services[name], folder, past.get(folder, {}), contracts)
        found += made.diagnostics
        files |= {place(folder, path): File(content) for path, content in made.files.items()}
    found += [nothing_to_contract(name) for name in sorted(set(contracts) - folders.keys())]
    return dict(sorted(files.items())), ordered(found)


def desired(
    checked: Checked,
    carried: Templates,
    used: Templates | None = None,
    recorded: Recorded = NOTHING,
    released: Released | None = None,
    *,
    own: Mapping[str, OwnStack] | None = None,
) -> Desired:
    """What the monorepo of a checked specification should hold.

    `carried` are the templates of this fleetgen, `used` the release that the fleet is at, where that is another;
    `recorded` is what the fleet has of its own that a rendering must respect, nothing for a new fleet.
    `released` are the released versions of its contracts, `own` the fleet's own templates by stack.

    Raises:
        ValueError: When the specification has errors: it describes no monorepo.
    """
    parts = _monorepo(checked, used or carried, released, own)
    projects = tuple(parts.projects())
    digest = sha256(json.dumps([project.answers for project in projects], sort_keys=True).encode()).hexdigest()
    stored = recorded.migrations if recorded is not NOTHING else migrations(checked, {})[0]
    extra = dict(sorted({**dict(parts.files()), **stored}.items()))
    releases = {stack.releases.place: stack.releases for stack in (own or {}).values()}
    return recorded.respected(Desired(projects, carried, extra=extra, specification=digest, own=releases))


def reported(
    checked: Checked,
    carried: Templates,
    released: Released | None = None,
    *,
    own: Mapping[str, OwnStack] | None = None,
) -> Subject:
    """The fleet under report, with what `desired` is given. Of a specification with errors nothing is generated.

    Raises:
        ValueError: When there is no fleet.
    """
    if checked.fleet is None or checked.document is None:
        raise ValueError("a specification that cannot be resolved describes no fleet")
    if checked.failed:
        return subject_of(checked.fleet, checked.document, {})
    return _monorepo(checked, carried, released, own).subject


def _monorepo(
    checked: Checked, templates: Templates, released: Released | None, own: Mapping[str, OwnStack] | None
) -> Monorepo:
    if checked.fleet is None or checked.document is None:
        raise ValueError("a specification with errors describes no monorepo")
    found = checked.diagnostics, checked.accepted
    return Monorepo(checked.fleet, checked.document, *found, templates, released or Released(), own or {})
