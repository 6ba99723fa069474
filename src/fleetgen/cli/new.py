"""`fleetgen new`: a monorepo from a specification, a sample, or answers to questions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fleetgen.cli.console import Exit, say, show
from fleetgen.cli.outcome import folder_of, own_or_exit
from fleetgen.core.diagnostic import Severity, has_errors

if TYPE_CHECKING:
    from fleetgen.evolve.own import OwnStack
    from fleetgen.pipeline import Prepared
    from fleetgen.wizard.journal import Journal

_LEFT = 130  # as a shell tells of Ctrl-C


def new(
    folder: Annotated[Path, typer.Argument(help="Where to write: a folder that is absent or empty.")],
    spec: Annotated[Path | None, typer.Option("--spec", help="A specification: fleet.yaml or its folder.")] = None,
    sample: Annotated[
        str, typer.Option("--from", help="A sample: starter; ecommerce and banking, today with `--stack python`.")
    ] = "",
    edit: Annotated[
        bool, typer.Option("--edit", help="Ask the questions, with the specification or sample as the answers offered.")
    ] = False,
    stack: Annotated[str, typer.Option("--stack", help="Put every service into this stack.")] = "",
) -> None:
    """Write a new monorepo, make it a git repository and commit it, unless it lies in one already.

    Without a specification or sample it asks questions, in a terminal: answers are kept beside the folder until the
    fleet is written, and the same command goes on where it was left. On an error nothing is left behind. Exit codes: 0
    done, 2 nothing was written, 130 left with Ctrl-C.
    """
    source = _source(spec, sample, edit)
    own = own_or_exit(folder_of(source)) if source else {}
    _check_stack(stack, own)
    if source is None or edit:
        prepared, journal = _asked(folder, source, stack, own)
        _write(folder, prepared, own)
        journal.remove()
    else:
        from fleetgen.pipeline import prepare  # noqa: PLC0415

        prepared = prepare(source, stack, own)
        show(prepared.checked.diagnostics, prepared.checked.sources)
        _write(folder, prepared, own)
    services = len(prepared.checked.fleet.services) if prepared.checked.fleet else 0
    say(f"wrote {folder} with {services} services")
    say(f"next: cd {quote(str(folder))} && fleetgen up" if folder != Path() else "next: fleetgen up", "cyan")


def _write(folder: Path, prepared: Prepared, own: Mapping[str, OwnStack]) -> None:
    """All of it; what is in the way ends the command."""
    from fleetgen.evolve.create import create  # noqa: PLC0415
    from fleetgen.pipeline import desired  # noqa: PLC0415
    from fleetgen.render.templates import installed  # noqa: PLC0415

    if prepared.checked.failed:
        raise typer.Exit(Exit.FAILURE)
    brought = {path: file for each in own.values() for path, file in each.files().items()}
    wanted = desired(prepared.checked, installed(), own=own)
    diagnostics = create(folder, wanted, {**prepared.files, **brought})
    show([item for item in diagnostics if item.severity is not Severity.INFORMATION], {})
    if has_errors(diagnostics):
        raise typer.Exit(Exit.FAILURE)


def _asked(folder: Path, source: Path | None, stack: str, own: Collection[str]) -> tuple[Prepared, Journal]:
    """What the person answered, and the file that keeps it until the fleet is written."""
    from fleetgen.evolve.create import occupied  # noqa: PLC0415
    from fleetgen.pipeline import prepare_text  # noqa: PLC0415
    from fleetgen.wizard.dialogue import Dialogue  # noqa: PLC0415
    from fleetgen.wizard.journal import Journal  # noqa: PLC0415
    from fleetgen.wizard.questionnaire import Left, Questionnaire  # noqa: PLC0415
    from fleetgen.wizard.terminal import Questionary  # noqa: PLC0415

    if obstacle := occupied(folder):
        _fail(f"`{folder}` {obstacle}: a new fleet needs a folder that is absent or empty")
    journal = Journal(folder)
    example = Dialogue({}, _example(source)) if source is not None else Dialogue()
    try:
        text = Questionnaire(folder, Questionary(say, show), journal).run(example)
    except Left:
        kept = f"; the answers are kept in {journal.path}, and the same command goes on with them"
        say(f"left{kept if journal.path.exists() else ''}", "cyan")
        raise typer.Exit(_LEFT) from None
    prepared = prepare_text(text, stack, own)
    if stack:
        show(prepared.checked.diagnostics, prepared.checked.sources)
    return prepared, journal


def _example(source: Path) -> dict[str, str]:
    """The replies that a specification would have been the answer to."""
    from fleetgen.pipeline import check  # noqa: PLC0415
    from fleetgen.spec.load import load  # noqa: PLC0415
    from fleetgen.wizard.prefill import replies_of  # noqa: PLC0415

    document, diagnostics = load(source)
    if document is None or document.flawed:
        checked = check(source)
        show(checked.diagnostics or diagnostics, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    return replies_of(document)


def _source(spec: Path | None, sample: str, edit: bool) -> Path | None:
    """The specification to start from; None where everything is to be asked."""
    from fleetgen.core.resources import sample as find_sample  # noqa: PLC0415
    from fleetgen.core.resources import samples  # noqa: PLC0415
    from fleetgen.wizard.terminal import interactive  # noqa: PLC0415

    names = ", ".join(samples())
    if spec and sample:
        _fail(f"say one of both: `--spec fleet.yaml`, or `--from` one of: {names}")
    found = spec or find_sample(sample)
    if sample and found is None:
        _fail(f"there is no sample `{sample}`; there are: {names}")
    if edit and found is None:
        _fail(f"`--edit` needs an example: `--from` one of: {names}; or `--spec fleet.yaml`")
    if (edit or found is None) and not interactive():
        _fail(
            "there is no terminal to ask questions in; say what to generate: `--spec fleet.yaml`, "
            f"or `--from` one of: {names}"
        )
    return found


def _check_stack(stack: str, own: Collection[str]) -> None:
    """One error for the option, not one a service."""
    from fleetgen.pipeline import STACKS  # noqa: PLC0415

    if stack and stack not in STACKS and stack not in own:
        _fail(f"there is no stack `{stack}` yet; there are: {', '.join(sorted({*STACKS, *own}))}")


def _fail(message: str) -> NoReturn:
    say(f"error: {message}", "red")
    raise typer.Exit(Exit.FAILURE)
