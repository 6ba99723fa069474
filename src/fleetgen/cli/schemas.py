"""`fleetgen schemas`: the contracts of events and commands against what was released of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleetgen.cli.console import Exit, Format, data, json_data, say, show, verdict
from fleetgen.cli.outcome import checked_or_exit, finish
from fleetgen.cli.plan import Json, Root

if TYPE_CHECKING:
    from fleetgen.contracts.contract import Contract
    from fleetgen.contracts.released import Released

app = typer.Typer(no_args_is_help=True, help="Contracts of events and commands, and what was released of them.")
Form = Annotated[Format, typer.Option("--format", help="text, json, sarif or github.")]


@app.command()
def check(root: Root = Path(), form: Form = Format.TEXT) -> None:
    """Check that every event and command fits all its released versions: a question for continuous integration.

    Exit codes: 0 all fit, 2 one breaks or the specification has errors.
    """
    from fleetgen.evolve.released import read_released  # noqa: PLC0415
    from fleetgen.pipeline import judge_contracts  # noqa: PLC0415

    checked = checked_or_exit(root)
    released, unreadable = read_released(root)
    found = (*unreadable, *judge_contracts(checked, released))
    show(found, checked.sources, form)
    if not found and form is Format.TEXT:
        versions = sum(map(len, released.versions.values()))
        say(f"all contracts fit {versions} released version{'' if versions == 1 else 's'}", "green")
    raise typer.Exit(verdict(found))


@app.command()
def diff(root: Root = Path(), json: Json = False) -> None:
    """Say what changed since the newest release, field by field; `!` marks what breaks released versions.

    Exit codes: 0 nothing changed, 1 changes, 2 the specification or a released version cannot be read.
    """
    from fleetgen.contracts.changes import changes  # noqa: PLC0415

    contracts, released = _contracts(root)
    found = changes(contracts, released)
    if json:
        json_data([{"contract": item.contract, "changes": item.words, "breaking": item.breaking} for item in found])
    else:
        for item in found:
            data("\n".join(f"{'!' if item.breaking else '~'} {item.contract} {words}" for words in item.words))
        if not found:
            say("nothing changed since the newest release", "green")
    raise typer.Exit(Exit.FINDINGS if found else Exit.CLEAN)


@app.command()
def release(root: Root = Path()) -> None:
    """Keep the contracts as they are now as a released version, under contracts/released. Versions are never changed.

    Exit codes: 0 done or nothing to do, 2 nothing was written: a contract breaks a released version, or is not applied.
    """
    from fleetgen.evolve.released import release as record  # noqa: PLC0415

    contracts, released = _contracts(root, judge=True)
    added, found = record(root, contracts, released)
    for path in added:
        data(f"  + {path}")
    if not added and not found:
        say("nothing changed since the newest release", "green")
    finish(found)


def _contracts(root: Path, *, judge: bool = False) -> tuple[tuple[Contract, ...], Released]:
    """The contracts and their released versions; where they cannot be told, the command ends."""
    from fleetgen.evolve.released import read_released  # noqa: PLC0415
    from fleetgen.pipeline import contracts_of, judge_contracts  # noqa: PLC0415

    checked = checked_or_exit(root)
    released, found = read_released(root)
    if judge:
        found = (*found, *judge_contracts(checked, released))
    if found:
        show(found, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    return contracts_of(checked, released), released
