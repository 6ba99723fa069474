"""The diagnostics of stored data, `MIG-n`: one constructor each, so that a code has one meaning."""

from __future__ import annotations

from fleetgen.core.diagnostic import Diagnostic, Severity, Span


def type_changed(column: str, before: str, now: str, span: Span) -> Diagnostic:
    """Two releases cannot share a column of two types."""
    return Diagnostic(
        "MIG-1", "type-changed", Severity.ERROR,
        f"`{column}` is kept as {before}; a release that wants {now} cannot share the column with the one before",
        span, "give the field a new name, and say `renamed-from` with the old one: both are kept in step for a while",
    )  # fmt: skip


def no_way(column: str, before: str, now: str, span: Span) -> Diagnostic:
    """The values of a renamed field cannot be carried over."""
    return Diagnostic(
        "MIG-2", "no-conversion", Severity.ERROR,
        f"what `{column}` holds is {before}, which does not become {now} by itself",
        span, "take `renamed-from` away, and fill the new field with a migration of your own in `adapters/migrations`",
    )  # fmt: skip


def key_changed(table: str, span: Span) -> Diagnostic:
    """Rows would lose their identity."""
    return Diagnostic(
        "MIG-3", "key-changed", Severity.ERROR,
        f"the key of the stored `{table}` would change, and with it the identity of every row",
        span, "give the aggregate another name, and move its data with a migration of your own",
    )  # fmt: skip


def state_gone(aggregate: str, state: str, span: Span) -> Diagnostic:
    """Rows in that state could no longer be read."""
    return Diagnostic(
        "MIG-4", "state-removed", Severity.ERROR,
        f"`{aggregate}` has no state `{state}` any more, but rows may be in it",
        span, f"say what becomes of them: `former-states: {{{state}: <a state>}}`",
    )  # fmt: skip


def state_unknown_before(aggregate: str, state: str, now: str, span: Span) -> Diagnostic:
    """The release before would not know the state that rows are moved to."""
    return Diagnostic(
        "MIG-5", "state-too-new", Severity.ERROR,
        f"rows of `{aggregate}` in `{state}` would become `{now}`, which the release before does not know",
        span, f"add `{now}` in one release, and take `{state}` away in the next",
    )  # fmt: skip


def still_there(column: str, span: Span) -> Diagnostic:
    """A name that is still needed for the release before."""
    return Diagnostic(
        "MIG-6", "name-still-used", Severity.ERROR,
        f"`{column}` is still the former name of another and kept in step with it",
        span, "contract first: `fleetgen apply --contract <service>`",
    )  # fmt: skip


def empty_before(column: str, span: Span) -> Diagnostic:
    """Older rows have nothing in a column that should have something."""
    return Diagnostic(
        "MIG-7", "nothing-for-older-rows", Severity.WARNING,
        f"rows that are older have no `{column}`, and nothing fits all of them",
        span, "make it optional, or fill it with a migration of your own in `adapters/migrations`",
    )  # fmt: skip


def shape_changed(column: str, span: Span) -> Diagnostic:
    """Values are kept whole, in the form they were written in."""
    return Diagnostic(
        "MIG-8", "value-changed", Severity.WARNING,
        f"`{column}` holds values whose parts change; rows that are older keep the form they were written in",
        span, "make new parts optional, or rewrite the rows with a migration of your own in `adapters/migrations`",
    )  # fmt: skip


def kept(what: str, word: str, span: Span) -> Diagnostic:
    """Data that nobody said may go."""
    return Diagnostic(
        "MIG-9", "data-kept", Severity.INFORMATION,
        f"{what} is no longer in the specification; its data is kept",
        span, f"say `{word}` to let a contraction delete it",
    )  # fmt: skip


def unreadable(path: str, reason: str) -> Diagnostic:
    """What the tables were cannot be read."""
    return Diagnostic(
        "MIG-10", "tables-unreadable", Severity.ERROR, f"`{path}` cannot be read: {reason}",
        Span(path), f"restore it, with `git checkout -- {path}` for example",
    )  # fmt: skip


def apply_first(service: str, span: Span) -> Diagnostic:
    """One step at a time."""
    return Diagnostic(
        "MIG-11", "expand-first", Severity.ERROR,
        f"the tables of `{service}` have to change before they can be contracted",
        span, "apply without `--contract`, release that, and contract when no older instance runs",
    )  # fmt: skip


def nothing_to_contract(service: str) -> Diagnostic:
    """A name that is no service, or one without anything left over."""
    return Diagnostic("MIG-12", "nothing-to-contract", Severity.ERROR, f"`{service}` has nothing to contract")


def waiting(service: str, what: str, span: Span) -> Diagnostic:
    """What a contraction would do."""
    return Diagnostic(
        "MIG-13", "contraction-waits", Severity.INFORMATION, f"`{service}` can be contracted: {what}",
        span, f"when no instance of an older release runs: `fleetgen apply --contract {service}`",
    )  # fmt: skip
