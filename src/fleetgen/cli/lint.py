"""`fleetgen lint`: what an architect would say of the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.console import Format, say, show, verdict
from fleetgen.cli.outcome import folder_of, own_or_exit

Specification = Annotated[Path, typer.Argument(help="fleet.yaml, or the folder it lies in.", show_default=True)]
Form = Annotated[Format, typer.Option("--format", help="text, json, sarif or github.")]


def lint(specification: Specification = Path("fleet.yaml"), form: Form = Format.TEXT) -> None:
    """Check the specification: what is wrong, and what an architect would advise.

    Exit codes: 0 nothing but information, 1 warnings, 2 errors.
    """
    from fleetgen.pipeline import check  # noqa: PLC0415

    checked = check(specification, own_or_exit(folder_of(specification)))
    show(checked.diagnostics, checked.sources, form)
    if not checked.diagnostics and form is Format.TEXT:
        say("nothing found", "green")
    raise typer.Exit(verdict(checked.diagnostics))
