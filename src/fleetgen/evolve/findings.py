"""The diagnostics of output, `OUT-n`: one constructor each, so that a code has one meaning."""

from __future__ import annotations

from fleetgen.core.diagnostic import Diagnostic, Severity, Span


def edited(path: str) -> Diagnostic:
    """A generated file carries an edit that would be overwritten."""
    return Diagnostic(
        "OUT-1", "generated-file-edited", Severity.ERROR,
        f"`{path}` is fleetgen's and was edited; it would be overwritten",
        Span(path), "move the change into a file of yours, or give the edit up with `--overwrite`",
    )  # fmt: skip


def dirty(path: str) -> Diagnostic:
    """A file to be merged carries a change that git does not know."""
    return Diagnostic(
        "OUT-2", "uncommitted-change", Severity.ERROR,
        f"`{path}` would be merged, but has a change that is not committed",
        Span(path), "commit or stash it first",
    )  # fmt: skip


def blocked(path: str, reason: str) -> Diagnostic:
    """Something on disk is in the way."""
    return Diagnostic("OUT-3", "path-blocked", Severity.ERROR, f"`{path}` cannot be written: {reason}", Span(path))


def conflict(path: str, line: int) -> Diagnostic:
    """A merge left both versions in the file."""
    return Diagnostic(
        "OUT-4", "conflict-left", Severity.WARNING,
        f"`{path}` holds a conflict between your edit and the new version",
        Span(path, line), "choose between the marked lines and remove the markers",
    )  # fmt: skip


def unresolved(path: str, line: int) -> Diagnostic:
    """A file to be merged still holds the markers of an earlier conflict."""
    return Diagnostic(
        "OUT-5", "conflict-unresolved", Severity.ERROR,
        f"`{path}` must be merged again, but still holds a conflict",
        Span(path, line), "resolve it first",
    )  # fmt: skip


def kept(path: str, reason: str) -> Diagnostic:
    """A file that the templates would take away or change is left as the user has it."""
    return Diagnostic("OUT-6", "file-kept", Severity.WARNING, f"`{path}` is kept as it is: {reason}", Span(path))


def lock_newer(recorded: str, ours: str) -> Diagnostic:
    """The fleet was written by a newer fleetgen."""
    return Diagnostic(
        "OUT-7", "fleet-is-newer", Severity.ERROR,
        f"the fleet uses templates {recorded}, this fleetgen carries {ours}",
        Span("fleet.lock"), "install a newer fleetgen",
    )  # fmt: skip


def unreadable(path: str, reason: str) -> Diagnostic:
    """A file that fleetgen keeps its own state in cannot be read."""
    return Diagnostic(
        "OUT-8", "state-unreadable", Severity.ERROR, f"`{path}` cannot be read: {reason}",
        Span(path), f"restore it, with `git checkout -- {path}` for example",
    )  # fmt: skip


def moved_on(path: str) -> Diagnostic:
    """The tree is no longer what the plan, or an interrupted apply, was made for."""
    return Diagnostic(
        "OUT-9", "tree-changed", Severity.ERROR, f"`{path}` changed after the plan was made",
        Span(path), "run the command again",
    )  # fmt: skip


def interrupted(path: str) -> Diagnostic:
    """An interrupted apply cannot be completed without losing a later edit."""
    return Diagnostic(
        "OUT-10", "recovery-stopped", Severity.ERROR,
        f"an interrupted apply cannot be completed: `{path}` was changed since",
        Span(path), "move your version aside and run the command again, or remove `.fleetgen/apply` to give it up",
    )  # fmt: skip


def not_rendered(project: str, reason: str) -> Diagnostic:
    """The templates cannot be rendered."""
    return Diagnostic(
        "OUT-11", "not-rendered", Severity.ERROR, f"`{project}` cannot be rendered: {reason}", Span(project)
    )


def other_templates(version: str) -> Diagnostic:
    """Two different sets of templates carry the same version."""
    return Diagnostic(
        "OUT-12", "templates-differ", Severity.ERROR,
        f"the fleet was written with other templates of the same version {version}",
        Span("fleet.lock"), "templates that changed need a new version; then run `fleetgen update`",
    )  # fmt: skip


def two_sources(path: str) -> Diagnostic:
    """Two sources give one path."""
    return Diagnostic("OUT-13", "two-sources", Severity.ERROR, f"`{path}` comes from two sources", Span(path))


def occupied(folder: str, reason: str) -> Diagnostic:
    """A new fleet cannot be put there."""
    return Diagnostic(
        "OUT-14", "folder-occupied", Severity.ERROR, f"`{folder}` {reason}",
        Span(folder), "name a folder that does not exist yet, or an empty one",
    )  # fmt: skip


def failed(what: str, reason: str) -> Diagnostic:
    """The machine refused: a disk, a permission, git."""
    return Diagnostic("OUT-15", "not-written", Severity.ERROR, f"{what}: {reason}")


def busy() -> Diagnostic:
    """Another fleetgen writes to the same fleet."""
    return Diagnostic("OUT-16", "fleet-busy", Severity.ERROR, "another fleetgen is writing to this fleet")


def not_a_fleet(folder: str) -> Diagnostic:
    """There is nothing that could be updated."""
    return Diagnostic("OUT-17", "not-a-fleet", Severity.ERROR, f"`{folder}` holds no `fleet.lock`: nothing to update")


def past_changed(path: str) -> Diagnostic:
    """A numbered file of a database is not as it was written."""
    return Diagnostic(
        "OUT-18", "migration-changed", Severity.ERROR,
        f"`{path}` was changed or removed, but databases have run it as it was",
        Span(path), f"restore it, with `git checkout -- {path}`; a correction is a migration of your own",
    )  # fmt: skip


def behind(path: str) -> Diagnostic:
    """The template of an ejected file has gone on."""
    return Diagnostic(
        "OUT-19", "ejected-file-behind", Severity.INFORMATION,
        f"`{path}` is yours; what fleetgen would write there has changed since",
        Span(path), f"compare with `fleetgen eject --show {path}`, then `fleetgen eject {path}` to take note",
    )  # fmt: skip


def not_ejectable(path: str, reason: str) -> Diagnostic:
    """A path that cannot be given away."""
    return Diagnostic("OUT-20", "not-ejectable", Severity.ERROR, f"`{path}` {reason}", Span(path))


def out_of_step(path: str, what: str) -> Diagnostic:
    """What `plan --check` says of a path that `apply` would change."""
    return Diagnostic(
        "OUT-21", "out-of-step", Severity.ERROR, f"`{path}` {what}", Span(path),
        "run `fleetgen apply` and commit what it writes",
    )  # fmt: skip


def needs_commit(reason: str) -> Diagnostic:
    """Copier works on commits only."""
    return Diagnostic(
        "OUT-22", "copier-needs-commits", Severity.ERROR, f"`--strict-copier` updates a committed fleet only: {reason}",
        None, "commit or stash, or leave `--strict-copier` out: fleetgen needs neither",
    )  # fmt: skip


def given_up(path: str) -> Diagnostic:
    """Copier's own way loses an edit."""
    return Diagnostic(
        "OUT-23", "edit-given-up", Severity.WARNING, f"copier's way gives up your edit of `{path}`",
        Span(path), "take it from the last commit, or update without `--strict-copier`, which keeps it",
    )  # fmt: skip


def not_staged(reason: str) -> Diagnostic:
    """The conflicts are in the files, but git's index does not say so."""
    return Diagnostic(
        "OUT-24",
        "conflicts-not-staged",
        Severity.WARNING,
        f"the conflicts could not be marked in git's index: {reason}",
    )
