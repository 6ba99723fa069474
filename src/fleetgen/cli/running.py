"""The commands that run a fleet on this machine: up, down, logs, status, smoke, seed, token, doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from fleetgen.cli.console import Exit, data, json_data, say

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class BrokerName(StrEnum):
    """What can stand for Kafka."""

    KAFKA = "kafka"
    KFAKE = "kfake"
    MOCK = "mock"
    DOCKER = "docker"


_EXTRA = "the packages that run a fleet are missing"
_HINT = "install them with: pipx install 'fleetgen[run]'"


@contextmanager
def _problems() -> Iterator[None]:
    """A problem of the runtime, or a missing extra, as a message and exit code 2."""
    from fleetgen.runtime.events import RuntimeProblem  # noqa: PLC0415

    try:
        yield
    except RuntimeProblem as problem:
        say(f"error: {problem.message}", "red")
        if problem.hint:
            say(f"hint: {problem.hint}", "cyan")
        raise typer.Exit(Exit.FAILURE) from problem
    except ModuleNotFoundError as missing:
        say(f"error: {_EXTRA}: {missing.name}", "red")
        say(f"hint: {_HINT}", "cyan")
        raise typer.Exit(Exit.FAILURE) from missing


def _told(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    @wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        with _problems():
            return command(*arguments, **options)

    return run


@_told
def up(  # noqa: PLR0917 - typer reads parameters by name
    root: Root = Path(),
    detach: Annotated[bool, typer.Option("-d", "--detach", help="Return when all is ready; `down` ends it.")] = False,
    only: Annotated[list[str], typer.Option("--only", help="Start these services only, and all servers.")] = [],  # noqa: B006
    broker: Annotated[BrokerName | None, typer.Option("--broker", help="Which broker; else the best there is.")] = None,
    reload: Annotated[bool, typer.Option(help="Start a service again when its files are saved.")] = True,
    sampling: Annotated[float, typer.Option(min=0, max=1, help="Share of traces that are kept.")] = 1.0,
) -> None:
    """Start the fleet on this machine: PostgreSQL, a broker, a registry, an issuer of tokens, all services."""
    from fleetgen.cli.progress import tell  # noqa: PLC0415
    from fleetgen.runtime.options import UpOptions  # noqa: PLC0415
    from fleetgen.runtime.running import up as start  # noqa: PLC0415

    options = UpOptions(
        only=tuple(only),
        broker=broker.value if broker is not None else None,
        reload=reload and not detach,
        detach=detach,
        environment={"*": {"FLEET_SAMPLING": str(sampling)}},
    )
    running = start(root, options, tell)
    for name, address in sorted(running.addresses.items()):
        if not name.startswith("database/"):
            data(f"{name:<16} {address}")
    if not detach:
        say("Ctrl-C ends the fleet", "dim")
        running.wait()


@_told
def down(
    root: Root = Path(),
    reset: Annotated[bool, typer.Option("--reset", help="Also forget all data, topics, schemas and logs.")] = False,
) -> None:
    """End the fleet and everything that was started for it. Its data stay for the next `up`, but for `--reset`."""
    from fleetgen.runtime.down import down as end  # noqa: PLC0415
    from fleetgen.runtime.down import forget  # noqa: PLC0415

    ended = end(root)
    say(f"ended {', '.join(ended)}" if ended else "nothing was running")
    if reset:
        say("forgot its data" if forget(root) else "there was nothing to forget")


@_told
def logs(
    names: Annotated[list[str], typer.Argument(help="Services or servers; none means all.")] = [],  # noqa: B006
    root: Root = Path(),
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="Last lines of each.")] = 20,
) -> None:
    """Print what the services and servers wrote."""
    from fleetgen.runtime.logs import logs as read  # noqa: PLC0415

    for line in read(root, tuple(names), follow, lines):
        if not data(f"{line.name:<14} | {line.text}"):
            break


@_told
def status(root: Root = Path(), json: Json = False) -> None:
    """Say what runs. Exit codes: 0 all ready, 1 not all, 2 no fleet here."""
    from fleetgen.runtime.status import status as look  # noqa: PLC0415

    found = look(root)
    if json:
        json_data(found.to_json())
    else:
        data(found.text())
    raise typer.Exit(Exit.CLEAN if found.ready else Exit.FINDINGS)


@_told
def smoke(root: Root = Path(), json: Json = False) -> None:
    """Carry out every saga, happy and into each compensation, and print the traces. 1 when one ends otherwise."""
    from fleetgen.cli.progress import tell  # noqa: PLC0415
    from fleetgen.runtime.smoke import smoke as run  # noqa: PLC0415

    result = run(root, tell)
    if json:
        json_data(result.to_json())
    else:
        data(result.text())
    raise typer.Exit(Exit.CLEAN if result.passed else Exit.FINDINGS)


@_told
def seed(root: Root = Path()) -> None:
    """Make example data in the running fleet: one aggregate of each kind, through the public API."""
    from fleetgen.cli.progress import tell  # noqa: PLC0415
    from fleetgen.runtime.seed import seed as make  # noqa: PLC0415

    made = make(root, tell)
    say(f"made {made}", "green")
    raise typer.Exit(Exit.CLEAN if made else Exit.FINDINGS)


@_told
def token(
    root: Root = Path(),
    subject: Annotated[str, typer.Option("--subject", help="Whose token it is.")] = "developer",
    scopes: Annotated[list[str], typer.Option("--scope", help="A scope; none means all of the fleet.")] = [],  # noqa: B006
    service: Annotated[bool, typer.Option("--service", help="An identity of a service, for internal calls.")] = False,
) -> None:
    """Print a development token for the running fleet."""
    from fleetgen.runtime.token import token as issue  # noqa: PLC0415

    data(issue(root, subject=subject, scopes=tuple(scopes), service=service))


@_told
def doctor(root: Root = Path(), json: Json = False) -> None:
    """Say what this machine has, what it lacks, and how to get it."""
    from fleetgen.runtime.doctor import doctor as examine  # noqa: PLC0415

    found = examine(root)
    if json:
        json_data(found.to_json())
    else:
        data(found.text())
    raise typer.Exit(Exit.CLEAN if found.healthy else Exit.FINDINGS)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, logs, status, smoke, seed, token, doctor):
        app.command(command.__name__)(command)
