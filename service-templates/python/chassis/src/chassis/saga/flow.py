"""A saga's facts with the questions that all its cores ask. Steps count from 1, as in `saga_step.seq`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chassis.definition import Saga, SagaStep

COMPENSATION_SHARE = 0.2
"""The last fifth of a saga's timeout is kept for compensation; going forward may use the rest."""


@dataclass(frozen=True)
class Flow:
    """The steps of one saga in order."""

    saga: Saga

    @property
    def name(self) -> str:
        """The saga's type on the wire."""
        return self.saga.name.text

    @cached_property
    def steps(self) -> tuple[SagaStep, ...]:
        """All steps; `steps[seq - 1]` has the number `seq`."""
        return self.saga.steps

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {step.name: number for number, step in enumerate(self.saga.steps, start=1)}

    def __len__(self) -> int:
        return len(self.saga.steps)

    def step(self, seq: int) -> SagaStep:
        """The step with that number."""
        return self.saga.steps[seq - 1]

    def seq(self, name: str) -> int:
        """The number of a step, 0 for a name this version of the saga does not know."""
        return self._numbers.get(name, 0)

    @cached_property
    def pivot(self) -> int:
        """The number of the pivot, 0 where there is none."""
        return next((seq for seq, step in enumerate(self.saga.steps, start=1) if step.kind == "pivot"), 0)

    @cached_property
    def turning_point(self) -> int:
        """The last step that may still fail for good: the pivot, or the last step of a saga without one."""
        return self.pivot or len(self.saga.steps)

    def undoable_after(self, seq: int) -> int:
        """The next later step up to the turning point that has an undo, 0 where there is none."""
        later = range(seq + 1, self.turning_point + 1)
        return next((number for number in later if self.step(number).undo), 0)

    def undoable_before(self, seq: int) -> tuple[int, ...]:
        """The earlier steps that have an undo, the nearest first."""
        return tuple(number for number in range(seq - 1, 0, -1) if self.step(number).undo)


def part_text(index: int, total: int) -> str:
    """`2/3`, as `ce_sagapart` says it."""
    return f"{index}/{total}"


def read_part(text: str) -> tuple[int, int]:
    """Index and total of a `ce_sagapart`; a message without one is the only part."""
    index, _, total = text.partition("/")
    if not (index.isdigit() and total.isdigit()):
        return 1, 1
    return int(index), int(total)
