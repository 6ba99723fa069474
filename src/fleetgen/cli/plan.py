"""`fleetgen plan`: every file that `apply` would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from fleetgen.cli.console import Exit, Format, say, show
from fleetgen.cli.outcome import planned_or_exit, print_plan, wanted_or_exit

Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]
Overwrite = Annotated[list[str], typer.Option("--overwrite", help="A generated file whose edit is given up.")]
Json = Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")]
Contract = Annotated[
    list[str],
    typer.Option("--contract", help="A service whose tables lose what only older releases needed; none of them runs."),
]


def plan(
    root: Root = Path(),
    *,
    overwrite: Overwrite = [],  # noqa: B006 - typer's way
    contract: Contract = [],  # noqa: B006
    json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="For a pipeline: list what is out of step, edits of generated files too.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="With --check: text, json, sarif or github.")] = Format.TEXT,
) -> None:
    """Show what `apply` would do, and do nothing.

    Exit codes: 0 nothing to do, 1 changes, 2 no plan can be made, 3 changes that would leave conflicts. With --check:
    0 in step, 1 out of step, 2 it cannot be said.
    """
    if check:
        _check(root, form)
    made = planned_or_exit(root, overwrite, contracts=contract)
    print_plan(made, json)
    if made.conflicts:
        raise typer.Exit(Exit.CONFLICTS)
    raise typer.Exit(Exit.CLEAN if made.empty else Exit.FINDINGS)


def _check(root: Path, form: Format) -> NoReturn:
    from fleetgen.evolve.drift import drift  # noqa: PLC0415

    known, found = drift(root, wanted_or_exit(root).desired)
    show(found, {}, form)
    if not known:
        raise typer.Exit(Exit.FAILURE)
    if not found:
        say("in step with fleet.yaml", "green")
    raise typer.Exit(Exit.FINDINGS if found else Exit.CLEAN)
