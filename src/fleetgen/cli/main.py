"""The command `fleetgen`: one file a command. Imports lie inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import gc
import sys

import typer

from fleetgen.cli import apply, explain, lint, new, plan, running, spec, templates, update
from fleetgen.cli.console import Exit, say

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

        print(installed("fleetgen"))
        raise typer.Exit


def main() -> None:
    """Run a command; what a person could not foresee is one line, never a traceback."""
    # Commands are short and build trees without cycles: collecting them again and again would cost more with every
    # further service.
    gc.set_threshold(200_000, 50, 1000)
    try:
        app()
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.FAILURE)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        say(f"error: {what}", "red")
        sys.exit(Exit.FAILURE)


if __name__ == "__main__":
    main()
