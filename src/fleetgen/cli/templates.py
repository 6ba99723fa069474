"""`fleetgen templates`: what this fleetgen carries, and what a fleet has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fleetgen.cli.console import Exit, data, say
from fleetgen.cli.outcome import finish

app = typer.Typer(no_args_is_help=True, help="Templates: those installed, and those in the fleet's bundle.")
Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]


@app.command("list")
def list_(root: Root = Path()) -> None:
    """List the stacks this fleetgen can write, the releases in the fleet's bundle, and the fleet's own templates."""
    from fleetgen.evolve.own import listed  # noqa: PLC0415
    from fleetgen.evolve.update import releases  # noqa: PLC0415
    from fleetgen.pipeline import STACKS  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    own = installed()
    data(f"installed  {own.tag}  stacks: {', '.join(sorted(STACKS))}")
    for release in releases(root):
        data(f"fleet      v{release}")
    found, diagnostics = listed(root)
    for each in found:
        versions = ", ".join(f"v{version}" for version in each.releases)
        data(f"own        {each.name}  {each.kind}  {versions}  services: {', '.join(each.services) or 'none'}")
    finish(diagnostics)


@app.command()
def add(  # noqa: PLR0917 - typer's way
    name: Annotated[str, typer.Argument(help="The stack, as `fleet.yaml` names it.")],
    source: Annotated[str, typer.Argument(help="A copier or cookiecutter template: folder, git address, bundle.")],
    directory: Annotated[str, typer.Option("--directory", help="The template's folder in the source.")] = "",
    ref: Annotated[str, typer.Option("--ref", help="A tag, branch or commit; else the newest version.")] = "",
    answers: Annotated[list[str], typer.Option("--set", help="`question=value`, `service.question=value`.")] = [],  # noqa: B006
    root: Root = Path(),
) -> None:
    """Make a template of your own a stack of this fleet, or add a newer version of it.

    Services with `stack: NAME` are generated from it. Exit codes: 0 done, 2 nothing was written.
    """
    from fleetgen.evolve import own  # noqa: PLC0415
    from fleetgen.pipeline import STACKS  # noqa: PLC0415
    from fleetgen.render.own.accept import accept  # noqa: PLC0415
    from fleetgen.render.own.source import fetch  # noqa: PLC0415

    if refused := own.refused_name(name, STACKS):
        finish((refused,))
    given = _given(answers)
    _check_root(root)
    fetched, diagnostics = fetch(source, directory=directory, ref=ref)
    if fetched is None:
        finish(diagnostics)
    template, diagnostics = accept(fetched)
    if template is None:
        finish(diagnostics)
    release, found = own.add(root, name, template, fetched.version, given)
    if release:
        say(f"`{name}` is a stack of this fleet now, from a {template.kind} template, release v{release}")
        say(
            f"next: `stack: {name}` in fleet.yaml and `fleetgen apply`, or `fleetgen update` for services that have it",
            "cyan",
        )
    finish((*diagnostics, *found))


def _check_root(root: Path) -> None:
    if not (root / "fleet.yaml").is_file():
        say(f"error: there is no `fleet.yaml` in `{root}`; name the fleet's folder with `--root`", "red")
        raise typer.Exit(Exit.FAILURE)


def _given(written: list[str]) -> dict[str, Any]:
    """Answers as typed: YAML scalars and lists, so that `8080` is a number; words in braces stay text."""
    import yaml  # noqa: PLC0415

    from fleetgen.facts.suggestions import has_words  # noqa: PLC0415

    given: dict[str, Any] = {}
    for each in written:
        name, separator, value = each.partition("=")
        if not separator or not name:
            say(f"error: `--set {each}` is not `question=value`", "red")
            raise typer.Exit(Exit.FAILURE)
        try:
            given[name] = value if has_words(value) else yaml.safe_load(value)
        except yaml.YAMLError:
            given[name] = value
    return given


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
