"""`fleetgen new`: a monorepo from a specification."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from fleetgen.cli.console import Exit, say, show
from fleetgen.core.diagnostic import Severity, has_errors


def new(
    folder: Annotated[Path, typer.Argument(help="Where to write: a folder that is absent or empty.")],
    spec: Annotated[Path | None, typer.Option("--spec", help="A specification: fleet.yaml or its folder.")] = None,
    sample: Annotated[str, typer.Option("--from", help="A sample: starter, ecommerce, banking.")] = "",
    stack: Annotated[str, typer.Option("--stack", help="Put every service into this stack.")] = "",
) -> None:
    """Write a new monorepo, make it a git repository and commit it, unless it lies in one already.

    On an error nothing is left behind. Exit codes: 0 done, 2 nothing was written.
    """
    from fleetgen.evolve.create import create  # noqa: PLC0415
    from fleetgen.pipeline import desired, prepare  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    source = _source(spec, sample)
    _check_stack(stack)
    prepared = prepare(source, stack)
    show(prepared.checked.diagnostics, prepared.checked.sources)
    if prepared.checked.failed:
        raise typer.Exit(Exit.FAILURE)
    diagnostics = create(folder, desired(prepared.checked, installed()), prepared.files)
    show([item for item in diagnostics if item.severity is not Severity.INFORMATION], {})
    if has_errors(diagnostics):
        raise typer.Exit(Exit.FAILURE)
    services = len(prepared.checked.fleet.services) if prepared.checked.fleet else 0
    say(f"wrote {folder} with {services} services")
    say(f"next: cd {quote(str(folder))} && fleetgen up" if folder != Path() else "next: fleetgen up", "cyan")


def _source(spec: Path | None, sample: str) -> Path:
    """The specification to start from."""
    from fleetgen.core.resources import sample as find_sample  # noqa: PLC0415
    from fleetgen.core.resources import samples  # noqa: PLC0415

    names = ", ".join(samples())
    if bool(spec) == bool(sample):
        say(f"error: say what to generate: `--spec fleet.yaml`, or `--from` one of: {names}", "red")
        raise typer.Exit(Exit.FAILURE)
    found = spec or find_sample(sample)
    if found is None:
        say(f"error: there is no sample `{sample}`; there are: {names}", "red")
        raise typer.Exit(Exit.FAILURE)
    return found


def _check_stack(stack: str) -> None:
    """One error for the option, not one a service."""
    from fleetgen.pipeline import STACKS  # noqa: PLC0415

    if stack and stack not in STACKS:
        say(f"error: there is no stack `{stack}` yet; there are: {', '.join(sorted(STACKS))}", "red")
        raise typer.Exit(Exit.FAILURE)
