"""`fleetgen spec`: the specification itself: its schema, and all that its short forms mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.console import Exit, data, json_data, show
from fleetgen.cli.outcome import folder_of, own_or_exit

app = typer.Typer(no_args_is_help=True, help="The specification: its JSON Schema, and everything filled in.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of fleet.yaml, for editors."""
    from fleetgen.spec.schema import json_schema  # noqa: PLC0415

    json_data(json_schema())


@app.command("show")
def show_(
    specification: Annotated[Path, typer.Argument(help="fleet.yaml, or its folder.")] = Path("fleet.yaml"),
    resolved: Annotated[bool, typer.Option("--resolved", help="With every default and reference filled in.")] = False,
) -> None:
    """Print the specification; with --resolved everything that its short forms mean."""
    from fleetgen.pipeline import check  # noqa: PLC0415
    from fleetgen.spec.show import show as show_resolved  # noqa: PLC0415

    checked = check(specification, own_or_exit(folder_of(specification)))
    if checked.fleet is None:
        show(checked.diagnostics, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    data(show_resolved(checked.fleet) if resolved else "".join(checked.sources.values()))
