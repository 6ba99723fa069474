"""`fleetgen apply`: bring the monorepo in step with its specification."""

from __future__ import annotations

from pathlib import Path

from fleetgen.cli.outcome import carry_out, planned_or_exit, print_plan
from fleetgen.cli.plan import Contract, Json, Overwrite, Root


def apply(
    root: Root = Path(),
    *,
    overwrite: Overwrite = [],  # noqa: B006 - typer's way
    contract: Contract = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Write what the specification now says: all of the plan, or nothing.

    Exit codes: 0 done, 2 nothing was written, 3 done and conflicts are left in files.
    """
    made = planned_or_exit(root, overwrite, contracts=contract)
    print_plan(made, json)
    carry_out(made)
