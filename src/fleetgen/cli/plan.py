"""`fleetgen plan`: every file that `apply` would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.console import Exit
from fleetgen.cli.outcome import planned_or_exit, print_plan

Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]
Overwrite = Annotated[list[str], typer.Option("--overwrite", help="A generated file whose edit is given up.")]
Json = Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")]


def plan(root: Root = Path(), overwrite: Overwrite = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """Show what `apply` would do, and do nothing.

    Exit codes: 0 nothing to do, 1 changes, 2 no plan can be made, 3 changes that would leave conflicts.
    """
    made = planned_or_exit(root, overwrite)
    print_plan(made, json)
    if made.conflicts:
        raise typer.Exit(Exit.CONFLICTS)
    raise typer.Exit(Exit.CLEAN if made.empty else Exit.FINDINGS)
