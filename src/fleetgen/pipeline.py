"""Composes the stages: a specification in, what the monorepo should hold out. Opens no file but the specification."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from fleetgen.analysis.engine import judge
from fleetgen.analysis.waivers import Acceptance
from fleetgen.contracts import asyncapi, openapi, verdict
from fleetgen.contracts.contract import Contract
from fleetgen.contracts.released import Released
from fleetgen.core import names
from fleetgen.core.diagnostic import Diagnostic, has_errors, ordered
from fleetgen.core.json_text import indented
from fleetgen.evolve.desired import Desired, Project, place
from fleetgen.evolve.own import OwnStack
from fleetgen.evolve.recorded import NOTHING, Recorded
from fleetgen.facts import suggestions
from fleetgen.facts.build import FactsBuilder, fleet_facts, language, package_name
from fleetgen.facts.channels import channels, operations
from fleetgen.facts.contracts import contracts
from fleetgen.facts.schema import FleetFacts, MonorepoFacts, ServiceFacts
from fleetgen.facts.topics import command_route, query_route, read_model_route
from fleetgen.model.fleet import Aggregate, Command, Fleet, Query, ReadModel, Service
from fleetgen.render.engine import render
from fleetgen.render.files import File, Tree
from fleetgen.render.own.engine import FOLDER, SUGGESTED
from fleetgen.render.templates import Templates
from fleetgen.report.architecture import Subject, architecture_report, subject_of
from fleetgen.spec.edit import files_of, replace_stack
from fleetgen.spec.load import load, load_text, load_texts
from fleetgen.spec.node import Document
from fleetgen.spec.resolve import resolve
from fleetgen.spec.schema import json_schema
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
    return Prepared(checked, {path: _text(text) for path, text in files_of(replaced).items()})


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
    found: list[Diagnostic] = []
    services = {service.name: service for service in checked.fleet.services}
    folders = migration_folders(checked)
    for name, folder in folders.items():
        inside = f"{folder}/"
        own = {path.removeprefix(inside): file.content for path, file in known.items() if path.startswith(inside)}
        made = migrate(services[name], folder, own, contracts)
        found += made.diagnostics
        files |= {inside + path: File(content) for path, content in made.files.items()}
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
    if checked.fleet is None or checked.document is None:
        raise ValueError("a specification with errors describes no monorepo")
    parts = _Parts(checked.fleet, checked.document, checked, used or carried, released or Released(), own or {})
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
    return _Parts(checked.fleet, checked.document, checked, carried, released or Released(), own or {}).subject


def report_pages(subject: Subject, checked: Checked) -> dict[str, File]:
    """The pages of the report by their path in its folder."""
    return {
        path: _text(text) for path, text in architecture_report(subject, checked.diagnostics, checked.accepted).items()
    }


@dataclass(frozen=True)
class _Parts:
    """The pieces of one monorepo; facts are built once."""

    fleet: Fleet
    document: Document
    checked: Checked
    templates: Templates
    released: Released = field(default_factory=Released)
    own: Mapping[str, OwnStack] = field(default_factory=dict)

    @cached_property
    def _builder(self) -> FactsBuilder:
        return FactsBuilder(self.fleet, self.released)

    @cached_property
    def _monorepo(self) -> MonorepoFacts:
        return self._builder.monorepo(self.checked.accepted, self.own)

    @cached_property
    def _common(self) -> dict[str, Any]:
        return plain(fleet_facts(self.fleet))

    @cached_property
    def _whole(self) -> dict[str, Any]:
        return plain(self._monorepo)

    @cached_property
    def _deployed(self) -> dict[str, Any]:
        """The same for charts and compose file: a service of an own stack has none, nobody knows how it is run."""
        ours = [service for service in self._whole["services"] if service["stack"] not in self.own]
        return {**self._whole, "services": ours}

    @cached_property
    def _services(self) -> tuple[tuple[Service, ServiceFacts, dict[str, Any]], ...]:
        """Each service with its facts, typed and as answers."""
        built = ((service, self._builder.service(service)) for service in self.fleet.services)
        return tuple((service, facts, {"fleet": self._common, "service": plain(facts)}) for service, facts in built)

    def projects(self) -> Iterator[Project]:
        """The root, one chassis a language, one project a service."""
        yield Project(".", "blueprints/monorepo", {"fleet": self._whole})
        for stack in self._carried_stacks():
            folder = f"libs/chassis-{language(stack)}"
            yield Project(folder, f"service-templates/{stack}/chassis", {"fleet": self._common})
        for service, facts, answers in self._services:
            folder = f"services/{facts.name.kebab}"
            if service.stack in self.own:
                own = self.own[service.stack]
                yield Project(folder, own.releases.place, own_answers(own, facts, fleet_facts(self.fleet)))
            else:
                yield Project(folder, f"service-templates/{service.stack}/service", answers)

    def _carried_stacks(self) -> list[str]:
        """The stacks in use that fleetgen has templates and a chassis for."""
        return sorted({service.stack for service in self.fleet.services} - self.own.keys())

    def files(self) -> Iterator[tuple[str, File]]:
        """What needs the whole fleet and so belongs to no project: schema, contracts, charts, report."""
        yield from self._shared.items()
        for path, text in architecture_report(self.subject, self.checked.diagnostics, self.checked.accepted).items():
            yield f"docs/report/{path}", _text(text)

    @property
    def subject(self) -> Subject:
        """The fleet under report, with the generated files that may bear something out."""
        files = {path: file.content for path, file in (*self._shared.items(), *self._chassis())}
        return subject_of(self.fleet, self.document, files)

    @cached_property
    def _channels(self) -> tuple[asyncapi.Channel, ...]:
        return channels(self._monorepo.topics)

    @cached_property
    def _shared(self) -> Mapping[str, File]:
        return dict(self._whole_fleet())

    def _whole_fleet(self) -> Iterator[tuple[str, File]]:
        yield "fleet.schema.json", _text(_json(json_schema()))
        yield from self._blueprint("blueprints/deploy", "deploy", {"fleet": self._deployed})
        yield from self._blueprint("blueprints/fleet-chart", "deploy/helm/fleet", {"fleet": self._deployed})
        for contract in contracts(self.fleet, self.released):
            yield contract.path, _text(contract.text)
        for service, facts, answers in self._services:
            yield from self._interfaces(service, facts)
            if service.stack not in self.own:
                yield from self._blueprint("blueprints/service-chart", f"deploy/helm/{facts.name.kebab}", answers)
        for service in self._elsewhere():
            yield from self._interfaces(service, self._builder.service(service))

    def _chassis(self) -> Iterator[tuple[str, File]]:
        """The chassis in use: plain source, the same for every fleet."""
        for stack in self._carried_stacks():
            template = f"service-templates/{stack}/chassis/"
            for path, file in self.templates.files.items():
                if path.startswith(template) and "{" not in path:
                    yield f"libs/chassis-{language(stack)}/{path.removeprefix(template)}", file

    def _elsewhere(self) -> Iterator[Service]:
        """Services of contexts that are not managed here: their contracts are all that is written of them."""
        for context in self.fleet.contexts:
            if not context.managed:
                yield from (service for service in context.services if service.aggregates)

    def _interfaces(self, service: Service, facts: ServiceFacts) -> Iterator[tuple[str, File]]:
        """What a service answers and says."""
        yield f"contracts/openapi/{facts.name.kebab}.yaml", _text(openapi_of(self.fleet, service))
        spoken = operations(facts)
        if spoken:
            known = (*self._channels, *channels(facts.topics))
            document = asyncapi.document(service, known, spoken, self.fleet.platform.registry)
            yield f"contracts/asyncapi/{facts.name.kebab}.yaml", _text(openapi.to_yaml(document))

    def _blueprint(self, blueprint: str, folder: str, answers: Mapping[str, Any]) -> Iterator[tuple[str, File]]:
        for path, file in render(self.templates, blueprint, answers).items():
            yield f"{folder}/{path}", file


def own_answers(stack: OwnStack, facts: ServiceFacts, fleet: FleetFacts) -> dict[str, Any]:
    """All that a template of a person's own may ask for: facts, usual answers, and what the person said himself."""
    known = suggestions.words(facts, fleet)
    usual = {**suggestions.suggestions(known), FOLDER: facts.name.kebab}
    said = suggestions.filled(stack.of(facts.name.kebab), known)
    return {"service": plain(facts), "fleet": plain(fleet), SUGGESTED: usual, **said}


def plain(facts: MonorepoFacts | ServiceFacts | FleetFacts) -> dict[str, Any]:
    """Facts as JSON-able data."""
    return facts.model_dump(mode="json")


def openapi_of(fleet: Fleet, service: Service) -> str:
    """The HTTP contract of a service, as YAML."""
    return openapi.to_yaml(openapi.document(names.kebab(fleet.name), service, _route))


def _json(value: Any) -> str:
    return indented(value) + "\n"


def _text(text: str) -> File:
    return File(text.encode())


def _route(aggregate: Aggregate, message: Command | Query | ReadModel) -> tuple[str, str]:
    if isinstance(message, ReadModel):
        route = read_model_route(message)
    else:
        route = command_route(aggregate, message) if isinstance(message, Command) else query_route(aggregate, message)
    return route.method, route.path
