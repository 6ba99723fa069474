"""The command `fleetgen`: one file a command. Imports lie inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import typer

from fleetgen.cli import (
    add,
    apply,
    eject,
    explain,
    lint,
    new,
    plan,
    report,
    running,
    schemas,
    spec,
    templates,
    update,
)
from fleetgen.cli.console import data

app = typer.Typer(
    name="fleetgen",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Describe a business domain, get a monorepo in which that fleet of services runs, and keep both in step.",
)
app.command("new")(new.new)
app.command("lint")(lint.lint)
app.command("report")(report.report)
app.command("plan")(plan.plan)
app.command("apply")(apply.apply)
app.command("update")(update.update)
app.command("eject")(eject.eject)
app.command("explain")(explain.explain)
app.add_typer(add.app, name="add")
app.add_typer(spec.app, name="spec")
app.add_typer(templates.app, name="templates")
app.add_typer(schemas.app, name="schemas")
running.register(app)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415

        data(installed("fleetgen"))
        raise typer.Exit
