"""The diagnostics of a person's own templates, `TPL-n`: one constructor each, so that a code has one meaning."""

from __future__ import annotations

from fleetgen.core.diagnostic import Diagnostic, Severity, Span


def unreadable(source: str, reason: str, hint: str = "") -> Diagnostic:
    """The source cannot be had."""
    return Diagnostic(
        "TPL-1", "template-unreadable", Severity.ERROR, f"the template `{source}` cannot be read: {reason}", None, hint
    )


def no_template(source: str, reason: str, hint: str) -> Diagnostic:
    """There is neither a copier nor a cookiecutter template."""
    return Diagnostic("TPL-2", "not-a-template", Severity.ERROR, f"`{source}` is no template: {reason}", None, hint)


def runs_code(place: Span, what: str, hint: str) -> Diagnostic:
    """The template would run code of its author on every machine that generates or updates."""
    return Diagnostic(
        "TPL-3", "template-runs-code", Severity.ERROR,
        f"{what} would run code of the template; a service must be updatable by anybody without trusting it",
        place, hint,
    )  # fmt: skip


def leaves_tree(place: Span, what: str, hint: str) -> Diagnostic:
    """The template reaches out of its own folder, or out of the service's."""
    return Diagnostic("TPL-4", "template-leaves-its-folder", Severity.ERROR, what, place, hint)


def not_repeatable(place: Span, what: str, hint: str) -> Diagnostic:
    """The same answers would give other bytes later, or on another machine."""
    return Diagnostic(
        "TPL-5", "template-not-repeatable", Severity.ERROR,
        f"{what}, so that the same answers would not give the same files again", place, hint,
    )  # fmt: skip


def wrong(place: Span, what: str, hint: str = "") -> Diagnostic:
    """The template has a mistake, or uses what cannot be followed."""
    return Diagnostic("TPL-6", "template-not-usable", Severity.ERROR, what, place, hint)


def bad_setting(place: Span | None, what: str, hint: str) -> Diagnostic:
    """An answer that a person gave does not fit the template."""
    return Diagnostic("TPL-7", "template-answer-wrong", Severity.ERROR, what, place, hint)


def bad_release(name: str, what: str, hint: str) -> Diagnostic:
    """The stack or the release cannot be called that."""
    return Diagnostic("TPL-8", "template-release-refused", Severity.ERROR, f"`{name}` {what}", None, hint)


def other_line_ends(place: Span) -> Diagnostic:
    """Copier writes rendered files with plain line ends."""
    return Diagnostic(
        "TPL-9", "line-ends-change", Severity.WARNING,
        "the file has Windows line ends and placeholders; it will be written with plain line ends", place,
    )  # fmt: skip


def given_less(stack: str, services: tuple[str, ...]) -> Diagnostic:
    """What a service of a person's own stack does without."""
    names = ", ".join(f"`{name}`" for name in services)
    comes, it = ("comes", "it") if len(services) == 1 else ("come", "them")
    return Diagnostic(
        "TPL-10", "own-stack", Severity.INFORMATION,
        f"{names} {comes} from your template `{stack}`: contracts are generated, but no chart and no entry in the "
        f"compose file, and `fleetgen up` does not start {it}",
    )  # fmt: skip
