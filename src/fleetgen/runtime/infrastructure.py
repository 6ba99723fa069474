"""The servers of a fleet, from nothing to answering: PostgreSQL, a broker, registry, receiver and issuer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from fleetgen.runtime.broker.provider import Broker, BrokerKind, broker_of, choose, prepared
from fleetgen.runtime.broker.topics import await_broker, create_topics, touch_topics
from fleetgen.runtime.environment import compile_sources, install
from fleetgen.runtime.events import Listener
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.monorepo import LocalFleet
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.ports import keep_ports
from fleetgen.runtime.postgres import Postgres
from fleetgen.runtime.process import Launch
from fleetgen.runtime.side_servers import NAMES, await_side_servers, launch_side_servers, side_addresses

LIMIT = 60.0
GoingOn = Callable[[str], bool]  # whether the process of that name still runs and nobody asked to stop


class Infrastructure:
    """The servers of one fleet. `addresses` is complete once they are `ready`."""

    def __init__(self, fleet: LocalFleet, folder: FleetFolder, options: UpOptions) -> None:
        """Choose the ports; start nothing."""
        self._fleet, self._folder = fleet, folder
        self._kinds = choose(options.broker)
        self.ports = keep_ports(folder, _port_names(fleet))
        self.postgres = Postgres(folder, self.ports["postgres"], len(fleet.services))
        self.broker = self._make_broker(self._kinds[0])
        self.addresses = side_addresses(self.ports) | {"postgres": f"127.0.0.1:{self.ports['postgres']}"}
        for service in fleet.services:
            self.addresses[f"database/{service.name}"] = self.postgres.url(service.database, service.database)
            self.addresses[service.name] = f"http://127.0.0.1:{self.ports[service.name]}"
            self.addresses[f"{service.name}/admin"] = f"http://127.0.0.1:{self.ports[f'{service.name}/admin']}"

    def prepare(self, listen: Listener) -> None:
        """Fetch, build, install and format whatever is missing, side by side."""
        with ThreadPoolExecutor(3) as pool:
            packages = pool.submit(self._prepare_packages, listen)
            database = pool.submit(self.postgres.prepare, listen)
            broker = pool.submit(prepared, self._kinds, self._make_broker, listen)
            self.broker = broker.result()
            database.result()
            packages.result()

    def _prepare_packages(self, listen: Listener) -> None:
        install(self._fleet.root, listen)
        compile_sources(self._fleet.root, self._folder)

    def launches(self) -> dict[str, tuple[Callable[[], Launch], dict[str, int]]]:
        """Each server with its ports, in the order to start them: the slow ones first."""
        own = self.ports
        return {
            "broker": (self.broker.launch, {"broker": own["broker"]}),
            "postgres": (self.postgres.launch, {"postgres": own["postgres"]}),
            "servers": (self._launch_side_servers, {name: own[name] for name in NAMES}),
        }

    def _launch_side_servers(self) -> Launch:
        return launch_side_servers(self._fleet, self._folder, self.ports)

    def ready(self, going_on: GoingOn) -> Iterator[tuple[str, str]]:
        """Wait for one server after the other, and give it what the services need; yields name and address."""
        for name in ("postgres", "servers", "broker"):
            yield name, self.ready_again(name, going_on)

    def ready_again(self, name: str, going_on: GoingOn) -> str:
        """Wait for one server, after its start or after a crash; returns its address."""
        alive = lambda: going_on(name)  # noqa: E731
        match name:
            case "postgres":
                self.postgres.await_ready(LIMIT, alive)
                self.postgres.ensure(service.database for service in self._fleet.services)
                return self.addresses["postgres"]
            case "servers":
                await_side_servers(self.ports, LIMIT, alive)
                return self.addresses["registry"]
            case _:
                self.addresses["kafka"] = await_broker(self.broker.bootstrap, LIMIT, alive)
                make = create_topics if self.broker.admin else touch_topics
                make(self.addresses["kafka"], self._fleet.topics)
                return self.addresses["kafka"]

    def _make_broker(self, kind: BrokerKind) -> Broker:
        partitions = max((topic.partitions for topic in self._fleet.topics), default=3)
        data = self._folder.path / "broker" / kind
        return broker_of(kind, data, self._folder.log("broker"), self.ports["broker"], partitions)


def _port_names(fleet: LocalFleet) -> list[str]:
    services = [port for service in fleet.services for port in (service.name, f"{service.name}/admin")]
    return ["postgres", "broker", "broker/controller", *NAMES, *services]
