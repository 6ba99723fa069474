"""`fleetgen update`: bring newer templates to every project of the monorepo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.outcome import carry_out, planned_or_exit, print_plan
from fleetgen.cli.plan import Json, Overwrite, Root

Strict = Annotated[bool, typer.Option("--strict-copier", help="Give exactly what copier's own command gives.")]


def update(root: Root = Path(), overwrite: Overwrite = [], json: Json = False, strict_copier: Strict = False) -> None:  # noqa: B006 - typer's way
    """Merge the installed release of the templates into all projects, with the specification as it is now.

    With --strict-copier the result is that of copier's own command, edits that it loses included.
    Exit codes: 0 done, 2 nothing was written, 3 done and conflicts are left in files.
    """
    made = planned_or_exit(root, overwrite, update=True, strict=strict_copier)
    print_plan(made, json)
    carry_out(made)
