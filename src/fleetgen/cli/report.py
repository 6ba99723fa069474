"""`fleetgen report`: the architecture report of a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.console import Exit, data, json_data, say, show
from fleetgen.cli.outcome import folder_of, own_or_exit
from fleetgen.core.diagnostic import Severity

Specification = Annotated[Path, typer.Argument(help="fleet.yaml, or the folder it lies in.", show_default=True)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A folder for all pages: absent or empty.")]
Json = Annotated[bool, typer.Option("--json", help="Print every leaf with its sources.")]


def report(specification: Specification = Path("fleet.yaml"), output: Output = None, json: Json = False) -> None:
    """Print the architecture report of a specification, or write all its pages into a folder.

    Of a specification with errors that can still be understood, nothing counts as generated.

    Exit codes: 0 done, 1 done and the specification has errors, 2 there is no report.
    """
    from fleetgen.evolve.create import write_folder  # noqa: PLC0415
    from fleetgen.evolve.released import read_released  # noqa: PLC0415
    from fleetgen.monorepo import report_pages  # noqa: PLC0415
    from fleetgen.pipeline import check, reported  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415
    from fleetgen.report.architecture import leaves, trees  # noqa: PLC0415

    folder = folder_of(specification)
    own = own_or_exit(folder)
    checked = check(specification, own)
    show([item for item in checked.diagnostics if item.severity is Severity.ERROR], checked.sources)
    if checked.fleet is None:
        raise typer.Exit(Exit.FAILURE)
    released, unreadable = read_released(folder)
    show(unreadable, {})
    subject = reported(checked, installed(), released, own=own)
    if output is not None:
        found = write_folder(output, report_pages(subject, checked.diagnostics, checked.accepted))
        show(found, {})
        if found:
            raise typer.Exit(Exit.FAILURE)
        say(f"wrote {output}")
    if json:
        json_data({"leaves": leaves(trees(subject), places=True)})
    elif output is None:
        data(trees(subject).text())
    raise typer.Exit(Exit.FINDINGS if checked.failed else Exit.CLEAN)
