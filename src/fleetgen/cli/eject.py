"""`fleetgen eject`: take a generated file over, or give it back."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from fleetgen.cli.console import Exit, data, say
from fleetgen.cli.outcome import Wanted, finish, wanted_or_exit
from fleetgen.cli.plan import Root


def eject(
    path: Annotated[Path, typer.Argument(help="A generated file, as seen from the monorepo's folder.")],
    root: Root = Path(),
    undo: Annotated[bool, typer.Option("--undo", help="Give it back; `apply --overwrite` then writes it.")] = False,
    show_: Annotated[bool, typer.Option("--show", help="Print what fleetgen would write, as a difference.")] = False,
) -> None:
    """Make a generated file yours: fleetgen and copier leave it alone from then on.

    Examples: `fleetgen eject services/order/src/starter_order/gen/ports.py`, again to take note of a newer template;
    `fleetgen eject --undo PATH` and `fleetgen apply --overwrite PATH` give it back. Exit codes: 0 done, 2 refused.
    """
    from fleetgen.evolve.apply import apply  # noqa: PLC0415
    from fleetgen.evolve.eject import eject as give  # noqa: PLC0415
    from fleetgen.evolve.eject import take_back  # noqa: PLC0415

    wanted, inside = wanted_or_exit(root), _inside(root, path)
    if show_:
        _show(root, inside, wanted)
    if undo:
        made, diagnostics = take_back(root, inside, wanted.templates)
    else:
        made, diagnostics = give(root, inside, wanted.desired, wanted.templates)
    if made is None:
        finish(diagnostics)
    found = apply(made)
    if not found:
        after = f"fleetgen's again: `fleetgen apply --overwrite {inside}` writes it" if undo else "yours"
        say(f"{inside} is {after}")
    finish(found)


def _inside(root: Path, path: Path) -> str:
    """As a path of the monorepo; one that is absolute, or seen from elsewhere, where it leads there."""
    whole = path if path.is_absolute() else root / path
    try:
        return whole.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return path.as_posix()


def _show(root: Path, path: str, wanted: Wanted) -> NoReturn:
    from fleetgen.evolve.disk import Disk  # noqa: PLC0415
    from fleetgen.evolve.eject import would_be  # noqa: PLC0415
    from fleetgen.render.files import File  # noqa: PLC0415

    now, yours = would_be(wanted.desired, wanted.templates, path), Disk(root).look(path)
    if path not in wanted.desired.ejected:
        say(f"error: `{path}` is not ejected", "red")
        raise typer.Exit(Exit.FAILURE)
    if now is None:
        say(f"fleetgen would not write `{path}` any more")
        raise typer.Exit(Exit.CLEAN)
    before, after = (
        (file.content.decode(errors="replace") if isinstance(file, File) else "").splitlines(keepends=True)
        for file in (yours, now)
    )
    found = difflib.unified_diff(before, after, fromfile=f"yours/{path}", tofile=f"fleetgen/{path}")
    data("".join(found) or "no difference")
    raise typer.Exit(Exit.CLEAN)
