"""How commands that write begin and end: the checked specification, the plan, what is left to a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from fleetgen.cli.console import Exit, data, json_data, say, show
from fleetgen.core.diagnostic import Diagnostic, Severity, has_errors

if TYPE_CHECKING:
    from fleetgen.evolve.actions import Plan
    from fleetgen.evolve.desired import Desired
    from fleetgen.evolve.own import OwnStack
    from fleetgen.pipeline import Checked
    from fleetgen.render.templates import Templates


def folder_of(specification: Path) -> Path:
    """The folder in which a specification lies, with the fleet's own templates."""
    return specification if specification.is_dir() else specification.parent


def own_or_exit(root: Path) -> Mapping[str, OwnStack]:
    """The fleet's own templates, by stack; one that cannot be read ends the command."""
    from fleetgen.evolve.own import own_stacks  # noqa: PLC0415

    stacks, diagnostics = own_stacks(root)
    if has_errors(diagnostics):
        finish(diagnostics)
    return stacks


def checked_or_exit(specification: Path, own: Mapping[str, OwnStack] | None = None) -> Checked:
    """The checked specification; errors end the command, warnings are shown."""
    from fleetgen.pipeline import check  # noqa: PLC0415

    checked = check(specification, own_or_exit(folder_of(specification)) if own is None else own)
    if checked.failed:
        show(checked.diagnostics, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    show(_worth_saying(checked), checked.sources)
    return checked


def _worth_saying(checked: Checked) -> list[Diagnostic]:
    return [item for item in checked.diagnostics if item.severity is not Severity.INFORMATION]


@dataclass(frozen=True)
class Wanted:
    """What the monorepo should hold, and the release of the templates it is rendered with.

    `quiet` says that there was nothing to say about it.
    """

    desired: Desired
    templates: Templates
    quiet: bool


def wanted_or_exit(
    root: Path, *, update: bool = False, contracts: Collection[str] = (), checked: Checked | None = None
) -> Wanted:
    """What the monorepo at `root` should hold by its own `fleet.yaml`, or by one that was `checked` and is to take its
    place, and by what it has of its own. Contracts that break released ones end the command.
    """
    from fleetgen.evolve.recorded import Recorded, read_recorded  # noqa: PLC0415
    from fleetgen.evolve.released import read_released  # noqa: PLC0415
    from fleetgen.evolve.update import used_templates  # noqa: PLC0415
    from fleetgen.pipeline import desired, judge_contracts, migration_folders, migrations  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    carried = installed()
    used, diagnostics = (carried, ()) if update else used_templates(root, carried)
    if used is None:
        finish(diagnostics)
    own = own_or_exit(root)
    checked = checked or checked_or_exit(root, own)
    released, unreadable = read_released(root)
    recorded, diagnostics = read_recorded(root, migration_folders(checked).values())
    if has_errors(diagnostics):
        finish(diagnostics)
    stored, diagnostics = migrations(checked, recorded.migrations, contracts)
    diagnostics = (*diagnostics, *unreadable, *judge_contracts(checked, released))
    show(diagnostics, checked.sources)
    if has_errors(diagnostics):
        raise typer.Exit(Exit.FAILURE)
    quiet = not diagnostics and not _worth_saying(checked)
    return Wanted(desired(checked, carried, used, Recorded(stored, recorded.ejected), released, own=own), used, quiet)


def planned_or_exit(
    root: Path,
    overwrite: list[str],
    *,
    update: bool = False,
    strict: bool = False,
    contracts: Collection[str] = (),
    checked: Checked | None = None,
) -> Plan:
    """The plan; where none can be made, its reasons end the command."""
    from fleetgen.evolve.actions import Plan  # noqa: PLC0415
    from fleetgen.evolve.settled import Settled  # noqa: PLC0415

    plain = not overwrite and not contracts and checked is None
    settled = Settled(root, (f"update={update}", f"strict={strict}")) if plain else None
    if settled and settled.holds():
        return Plan(root, ())
    wanted = wanted_or_exit(root, update=update, contracts=contracts, checked=checked)
    made, quiet = _planned_or_exit(root, wanted, overwrite, update=update, strict=strict)
    if settled and quiet:
        if made.empty:
            settled.remember()
        return replace(made, settled=settled)
    return made


def _planned_or_exit(
    root: Path, wanted: Wanted, overwrite: list[str], *, update: bool, strict: bool
) -> tuple[Plan, bool]:
    """The plan, and whether nothing had to be said on the way."""
    from fleetgen.evolve.departures import departures  # noqa: PLC0415
    from fleetgen.evolve.eject import behind  # noqa: PLC0415
    from fleetgen.evolve.plan import plan  # noqa: PLC0415

    made, diagnostics = plan(root, wanted.desired, overwrite=overwrite, update=update, strict=strict)
    show(diagnostics, {})
    if made is None:
        raise typer.Exit(Exit.FAILURE)
    left_behind = behind(root, wanted.desired, wanted.templates)
    show(left_behind, {})
    quiet = wanted.quiet and not diagnostics and not left_behind
    return replace(made, departures=departures(root, wanted.desired, made)), quiet


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
    if made.settled and made.settles and not diagnostics:
        made.settled.remember()
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
