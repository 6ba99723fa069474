"""The keys of a bounded context that regulation and risk ask for."""

from __future__ import annotations

from fleetgen.spec.shape import Entry, ListOf, MapOf, Name, Quantity, Record, Text, Word
from fleetgen.spec.table.aggregate import COMMAND_NAME, FIELD_NAME

_KEBAB = Text("word", r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_REPORT = Record(
    "report",
    (
        Entry("regime", _KEBAB, "The regime that asks for it", required=True, example="psd2"),
        Entry(
            "every",
            Word(("day", "week", "month", "quarter", "year")),
            "Its period",
            required=True,
            example="quarter",
        ),
        Entry("due", Quantity("duration"), "How long after the period it is due", required=True, example="30d"),
    ),
)
_MODEL = Record(
    "model",
    (
        Entry("scores", COMMAND_NAME, "The command that asks it", required=True, example="ScoreTransaction"),
        Entry(
            "versions",
            MapOf(Text("version", r"[a-z][a-z0-9.-]*"), Quantity("share")),
            "Versions and their shares of the traffic; together 100%",
            example="{v3: 95%, v4: 5%}",
        ),
    ),
)
_SCREENING = Record(
    "screening",
    (
        Entry("before", COMMAND_NAME, "The command that must wait for it", required=True, example="SettleTransfer"),
        Entry(
            "lists",
            ListOf(Name("kebab", "external")),
            "The externals that hold the lists",
            required=True,
            example="[watch-lists]",
        ),
    ),
)
_PRIVACY = Record(
    "privacy",
    (
        Entry("pseudonymize", ListOf(FIELD_NAME), "Fields that are replaced by pseudonyms", example="[customer]"),
        Entry("retention", Quantity("duration"), "How long data are kept", example="7y"),
    ),
)

DUTIES = (
    Entry(
        "reports",
        MapOf(_KEBAB, _REPORT),
        "Regulatory reports",
        example="{transactions: {regime: psd2, every: day, due: 1d}}",
    ),
    Entry(
        "models",
        MapOf(_KEBAB, _MODEL),
        "Models that are asked for a score",
        example="{fraud-score: {scores: ScoreTransaction}}",
    ),
    Entry(
        "screening",
        _SCREENING,
        "Checks against lists before a command",
        example="{before: SettleTransfer, lists: [watch-lists]}",
    ),
    Entry(
        "privacy",
        _PRIVACY,
        "How personal data are treated",
        example="{pseudonymize: [customer], retention: 7y}",
    ),
)
