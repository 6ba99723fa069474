"""What a monorepo consists of, by a specification that was checked: its projects, and the files of none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fleetgen.analysis.waivers import Acceptance
from fleetgen.contracts import asyncapi, openapi
from fleetgen.contracts.released import Released
from fleetgen.core import names
from fleetgen.core.diagnostic import Diagnostic
from fleetgen.core.json_text import indented
from fleetgen.evolve.desired import Project
from fleetgen.evolve.own import OwnStack
from fleetgen.facts import suggestions
from fleetgen.facts.build import FactsBuilder, fleet_facts, language
from fleetgen.facts.channels import channels, operations
from fleetgen.facts.contracts import contracts
from fleetgen.facts.schema import FleetFacts, MonorepoFacts, ServiceFacts
from fleetgen.facts.topics import command_route, query_route, read_model_route
from fleetgen.model.fleet import Aggregate, Command, Fleet, Query, ReadModel, Service
from fleetgen.render.engine import render
from fleetgen.render.files import File
from fleetgen.render.own.engine import FOLDER, SUGGESTED
from fleetgen.render.templates import Templates
from fleetgen.report.architecture import Subject, architecture_report, subject_of
from fleetgen.spec.node import Document
from fleetgen.spec.schema import json_schema


@dataclass(frozen=True)
class Monorepo:
    """The pieces of one monorepo; facts are built once."""

    fleet: Fleet
    document: Document
    diagnostics: tuple[Diagnostic, ...]  # what was found in the specification
    accepted: tuple[Acceptance, ...]  # and what of it is waived
    templates: Templates
    released: Released = field(default_factory=Released)
    own: Mapping[str, OwnStack] = field(default_factory=dict)

    @cached_property
    def _builder(self) -> FactsBuilder:
        return FactsBuilder(self.fleet, self.released)

    @cached_property
    def _monorepo(self) -> MonorepoFacts:
        return self._builder.monorepo(self.accepted, self.own)

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
        for path, file in report_pages(self.subject, self.diagnostics, self.accepted).items():
            yield f"docs/report/{path}", file

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


def report_pages(
    subject: Subject, diagnostics: tuple[Diagnostic, ...], accepted: tuple[Acceptance, ...]
) -> dict[str, File]:
    """The pages of the report by their path in its folder."""
    return {path: _text(text) for path, text in architecture_report(subject, diagnostics, accepted).items()}


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
