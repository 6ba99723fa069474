"""The keys of a saga and of its steps."""

from __future__ import annotations

from fleetgen.spec.shape import Entry, Grammar, ListOf, Name, Quantity, Record, Word
from fleetgen.spec.table.aggregate import COMMAND_NAME, WAIVE
from fleetgen.spec.table.context import BINDINGS

STEP = Record(
    "step",
    (
        Entry("do", COMMAND_NAME, "The command of this step", example="PlaceOrder"),
        Entry("pivot", COMMAND_NAME, "The command after which the saga can only go forward", example="CapturePayment"),
        Entry("call", COMMAND_NAME, "A command that is asked synchronously", example="ScoreTransaction"),
        Entry(
            "undo",
            Name("pascal", "command", ("none",)),
            "The command that undoes it when a later step refuses; `none` where nothing has to be undone",
            example="CancelOrder",
        ),
        Entry(
            "with",
            BINDINGS,
            "Inputs from elsewhere than the field of the same name: `Aggregate.field`, `rejection` (for an undo: the "
            "event that refused), or a literal",
            example="{amount: Order.total}",
        ),
        Entry(
            "for-each",
            Grammar("path"),
            "A list that an earlier step told of: one command for each item",
            example="lines",
        ),
        Entry(
            "within",
            Quantity("duration"),
            "How long the step may take",
            default="60s, at most the saga's timeout",
            example="30s",
        ),
        WAIVE,
    ),
    short=Grammar("step"),
)

SAGA = Record(
    "saga",
    (
        Entry(
            "mode",
            Word(("choreography", "orchestration")),
            "`choreography`: services react to each other's events; `orchestration`: the first step's service conducts",
            default="orchestration",
            example="choreography",
        ),
        Entry(
            "timeout",
            Quantity("duration"),
            "How long it may take; then it is undone, or stuck after the pivot",
            default="5m",
            example="5m",
        ),
        Entry(
            "stuck",
            Word(("manual", "alert")),
            "`manual`: an operator decides to retry, skip, compensate or abort",
            default="manual",
            example="manual",
        ),
        Entry(
            "steps",
            ListOf(STEP, bare=False),
            "What is done, in order",
            required=True,
            example="[PlaceOrder / CancelOrder, pivot CapturePayment, ConfirmOrder]",
        ),
        WAIVE,
    ),
)
