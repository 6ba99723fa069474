"""`fleetgen explain`: one rule or one key of the specification, in words."""

from __future__ import annotations

from typing import Annotated

import typer

from fleetgen.cli.console import Exit, data, say


def explain(subject: Annotated[str, typer.Argument(help="A rule (SAGA-1) or a key (partition-by).")]) -> None:
    """Say what a rule checks, or what a key of the specification means."""
    from fleetgen.analysis.explain import explain as explain_rule  # noqa: PLC0415
    from fleetgen.spec.explain import explain as explain_key  # noqa: PLC0415
    from fleetgen.spec.explain import nearest  # noqa: PLC0415

    page = explain_rule(subject) or explain_key(subject)
    if page is None:
        say(f"error: there is no rule and no key `{subject}`", "red")
        close = nearest(subject)
        if close:
            say(f"hint: {', '.join(f'`{name}`' for name in close)}", "cyan")
        raise typer.Exit(Exit.FAILURE)
    data(page)
