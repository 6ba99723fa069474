"""The command `fleetgen`: one file a command. Imports lie inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

import typer

from fleetgen.cli import apply, explain, lint, new, plan, running, spec, streams, templates, update
from fleetgen.cli.console import Exit, data, say

app = typer.Typer(
    name="fleetgen",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Describe a business domain, get a monorepo in which that fleet of services runs, and keep both in step.",
)
app.command("new")(new.new)
app.command("lint")(lint.lint)
app.command("plan")(plan.plan)
app.command("apply")(apply.apply)
app.command("update")(update.update)
app.command("explain")(explain.explain)
app.add_typer(spec.app, name="spec")
app.add_typer(templates.app, name="templates")
running.register(app)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415

        data(installed("fleetgen"))
        raise typer.Exit


def main() -> None:
    """Run a command; what a person could not foresee is one line, never a traceback."""
    # Commands are short and build trees without cycles: collecting them again and again would cost more with every
    # further service.
    gc.set_threshold(200_000, 50, 1000)
    streams.settle()
    _end_in_order()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        say(f"error: {what}", "red")
        sys.exit(Exit.FAILURE)
    except Exception as error:
        if os.environ.get("FLEETGEN_TRACEBACK"):
            raise
        said = " ".join(str(error).split()) or "no more is known"
        say(f"error: fleetgen itself failed: {type(error).__name__}: {said}", "red")
        say("hint: this should not happen; FLEETGEN_TRACEBACK=1 shows where it did, please report it", "cyan")
        sys.exit(Exit.FAILURE)


def _end_in_order() -> None:
    """Let a polite signal unwind the stack, so that what was begun is taken back; what the caller ignores stays so."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
