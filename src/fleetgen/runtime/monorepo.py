"""A generated monorepo as the runtime sees it: the facts beside each service, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from fleetgen.facts.schema import CommandFact, SagaFact, ServiceFacts, TopicFact
from fleetgen.runtime.events import RuntimeProblem

_FACTS = "services/*/src/*/gen/facts.json"


@dataclass(frozen=True)
class LocalService:
    """One service: its facts and where it lives. `name` is that of its folder and of its process."""

    name: str
    folder: Path
    facts: ServiceFacts

    @property
    def database(self) -> str:
        """The name of its database and of its role there."""
        return self.facts.package


@dataclass(frozen=True)
class LocalFleet:
    """All services of a monorepo."""

    root: Path
    services: tuple[LocalService, ...]

    @property
    def name(self) -> str:
        """The fleet's name, the audience of its tokens."""
        return self.services[0].facts.fleet

    @cached_property
    def topics(self) -> tuple[TopicFact, ...]:
        """Every topic that some service writes, once; those for what it could not handle, too."""
        of = (topics for service in self.services for topics in (service.facts.topics, service.facts.recovery_topics))
        found = {topic.name: topic for topics in of for topic in topics}
        return tuple(found[name] for name in sorted(found))

    @cached_property
    def sagas(self) -> tuple[SagaFact, ...]:
        """Every saga, as its owner knows it."""
        found = {saga.name.text: saga for service in self.services for saga in service.facts.sagas}
        return tuple(found[name] for name in sorted(found))

    def service(self, name: str) -> LocalService:
        """The service of that name, however it is cased."""
        for service in self.services:
            if name in (service.name, service.facts.name.text, service.facts.name.kebab):
                return service
        known = ", ".join(f"`{service.name}`" for service in self.services)
        raise RuntimeProblem(f"there is no service `{name}`", f"there are {known}")

    def command(self, service: str, name: str) -> CommandFact:
        """A command of a service."""
        for command in self.service(service).facts.commands:
            if command.name.text == name:
                return command
        raise RuntimeProblem(f"service `{service}` has no command `{name}`", "run `fleetgen apply`")

    def scopes(self, service: str, commands: Iterable[str], queries: Iterable[str] = ()) -> set[str]:
        """What a caller of these commands and queries needs."""
        wanted = set(queries)
        asked = [query.scopes for query in self.service(service).facts.queries if query.name.text in wanted]
        called = [self.command(service, name).scopes for name in commands]
        return {scope for scopes in (*called, *asked) for scope in scopes}


def read_monorepo(root: Path) -> LocalFleet:
    """The services found below `root`, by name."""
    root = root.resolve()
    services = [_service(path) for path in sorted(root.glob(_FACTS))]
    if not services:
        hint = "change to the folder of `fleet.yaml`, or run `fleetgen apply` first"
        raise RuntimeProblem(f"no generated services in `{root}`", hint)
    return LocalFleet(root, tuple(services))


def _service(path: Path) -> LocalService:
    folder = path.parents[3]
    try:
        facts = ServiceFacts.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as wrong:
        first = str(wrong).splitlines()[0]
        message = f"`{path.relative_to(folder.parents[1])}` is not what this fleetgen writes: {first}"
        raise RuntimeProblem(message, "run `fleetgen apply` or `fleetgen update`") from wrong
    return LocalService(folder.name, folder, facts)
