"""`fleetgen templates`: what this fleetgen carries, and what a fleet has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleetgen.cli.console import data, say
from fleetgen.cli.outcome import finish

app = typer.Typer(no_args_is_help=True, help="Templates: those installed, and those in the fleet's bundle.")
Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]


@app.command("list")
def list_(root: Root = Path()) -> None:
    """List the stacks this fleetgen can write, and the releases of templates in the fleet's bundle."""
    from fleetgen.evolve.update import releases  # noqa: PLC0415
    from fleetgen.pipeline import STACKS  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    own = installed()
    data(f"installed  {own.tag}  stacks: {', '.join(sorted(STACKS))}")
    for release in releases(root):
        data(f"fleet      v{release}")


@app.command()
def pull(root: Root = Path()) -> None:
    """Put the installed release of the templates into the fleet's bundle, so that `copier update` finds it."""
    from fleetgen.evolve.update import pull_templates  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    own = installed()
    changed, diagnostics = pull_templates(root, own)
    if changed:
        say(f"{own.tag} is in .fleetgen/templates.bundle now; `fleetgen update` or `copier update -A -l` applies it")
    elif not diagnostics:
        say(f"the fleet has {own.tag} already")
    finish(diagnostics)
