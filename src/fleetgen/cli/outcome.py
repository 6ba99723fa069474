"""How commands that write begin and end: the checked specification, the plan, what is left to a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from fleetgen.cli.console import Exit, data, json_data, say, show
from fleetgen.core.diagnostic import Diagnostic, Severity, has_errors

if TYPE_CHECKING:
    from fleetgen.evolve.actions import Plan
    from fleetgen.evolve.desired import Desired
    from fleetgen.pipeline import Checked


def checked_or_exit(specification: Path) -> Checked:
    """The checked specification; errors end the command, warnings are shown."""
    from fleetgen.pipeline import check  # noqa: PLC0415

    checked = check(specification)
    if checked.failed:
        show(checked.diagnostics, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    show([item for item in checked.diagnostics if item.severity is not Severity.INFORMATION], checked.sources)
    return checked


def desired_or_exit(root: Path, *, update: bool) -> Desired:
    """What the monorepo at `root` should hold by its own `fleet.yaml`; contracts that break released ones end it."""
    from fleetgen.evolve.released import read_released  # noqa: PLC0415
    from fleetgen.evolve.update import used_templates  # noqa: PLC0415
    from fleetgen.pipeline import desired, judge_contracts  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    carried = installed()
    used, diagnostics = (carried, ()) if update else used_templates(root, carried)
    if used is None:
        finish(diagnostics)
    checked = checked_or_exit(root)
    released, unreadable = read_released(root)
    broken = (*unreadable, *judge_contracts(checked, released))
    if broken:
        show(broken, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    return desired(checked, carried, used, released)


def planned_or_exit(root: Path, overwrite: list[str], *, update: bool = False) -> Plan:
    """The plan; where none can be made, its reasons end the command."""
    from fleetgen.evolve.plan import plan  # noqa: PLC0415

    made, diagnostics = plan(root, desired_or_exit(root, update=update), overwrite=overwrite, update=update)
    show(diagnostics, {})
    if made is None:
        raise typer.Exit(Exit.FAILURE)
    return made


def print_plan(made: Plan, as_json: bool) -> None:
    """The plan as data on standard output."""
    if as_json:
        json_data(made.data())
    else:
        data(made.text())


def carry_out(made: Plan) -> NoReturn:
    """Apply a plan; conflicts left in files are listed and exit with 3."""
    from fleetgen.evolve.apply import apply  # noqa: PLC0415

    diagnostics = apply(made)
    if has_errors(diagnostics):
        finish(diagnostics)
    if made.conflicts:
        say("Conflicts are left in these files; choose between the marked lines:", "yellow")
        for action in made.conflicts:
            data(f"{action.path}:{action.line}")
        raise typer.Exit(Exit.CONFLICTS)
    finish(diagnostics)


def finish(diagnostics: tuple[Diagnostic, ...]) -> NoReturn:
    """Show what was found and exit accordingly."""
    show(diagnostics, {})
    raise typer.Exit(Exit.FAILURE if has_errors(diagnostics) else Exit.CLEAN)
