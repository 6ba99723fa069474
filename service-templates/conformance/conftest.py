"""Options, the servers and the fleet under test, the invariants after every scenario, and the table of results."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fleetgen.runtime.monorepo import read_monorepo  # noqa: E402

from rig.fleet import Fleet, generate  # noqa: E402 - the folder must be on the path first
from rig.invariants import await_rest, check_all  # noqa: E402
from rig.results import RESULTS, Results  # noqa: E402
from rig.servers import Servers  # noqa: E402
from rig.subject import Subject, read_subject  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--subject", default="python", help="a file in subjects/, or a path")
    parser.addoption("--results", default="", help="write what came out to this file, for table.py")
    parser.addoption("--soak", type=float, default=0.0, help="minutes of the soak instead of those of its tier")
    parser.addoption("--seed", type=int, default=0, help="of the soak; 0 draws one and prints it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: takes long; `make full` runs it")
    config.addinivalue_line("markers", "leaves(parked, stuck): what a scenario leaves on purpose")
    config.stash[RESULTS] = Results(config.getoption("--subject"))


PHASE = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.fixture(scope="session")
def subject(pytestconfig: pytest.Config) -> Subject:
    given = Path(pytestconfig.getoption("--subject"))
    return read_subject(given if given.suffix else HERE / "subjects" / f"{given}.toml")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder whose path is short: sockets and databases live below it."""
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def root(subject: Subject, place: Path) -> Path:
    return generate(subject, place / "fleet")


@pytest.fixture(scope="session")
def servers(root: Path) -> Iterator[Servers]:
    servers = Servers(read_monorepo(root))
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def whole_fleet(pytestconfig: pytest.Config, subject: Subject, root: Path, servers: Servers) -> Iterator[Fleet]:
    fleet = Fleet(subject, root, servers, servers.folder.path)
    try:
        yield fleet
    finally:
        fleet.close()
        if fleet.passages.exists():
            lines = fleet.passages.read_text().splitlines()
            pytestconfig.stash[RESULTS].passages = Counter(line.split(" ")[0] for line in lines)


@pytest.fixture
def fleet(request: pytest.FixtureRequest, whole_fleet: Fleet) -> Iterator[Fleet]:
    """The fleet, plain again; after the scenario it must come to rest, and all invariants must hold."""
    leaves = request.node.get_closest_marker("leaves")
    yield whole_fleet
    called = request.node.stash[PHASE].get("call")
    holds = False
    try:
        if called is not None and called.passed:
            whole_fleet.be_plain()
            await_rest(whole_fleet)
            check_all(whole_fleet, **(leaves.kwargs if leaves else {}))
            holds = True
    finally:
        if not holds:
            whole_fleet.begin_anew()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    item.stash.setdefault(PHASE, {})[report.when] = report
    item.config.stash[RESULTS].note(item, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    results = config.stash[RESULTS]
    terminalreporter.section(f"conformance of {results.subject}")
    terminalreporter.write_line(results.text())
    if path := config.getoption("--results"):
        Path(path).write_text(json.dumps(results.to_json(), indent=1, sort_keys=True) + "\n")
