"""Which dead letters are open, and which a redrive takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.redrive_rules import Filter, Letter, plan, states
from lab import record


def letter(ce_id: str, offset: int, redrives: int = 0, **dlq: str) -> Letter:
    headers = {"dlq_redrive_count": str(redrives), "dlq_reason": "handler", "dlq_error_class": "E", "dlq_attempts": "8"}
    headers |= {f"dlq_{name}": value for name, value in dlq.items()}
    return Letter(record("t.g.dlq", "k", 1, offset, ce_id=ce_id, headers=headers))


def test_state_of_each_letter() -> None:
    letters = [letter("a", 0), letter("b", 1), letter("a", 2, 1), letter("c", 3), letter("d", 4)]
    handled = frozenset({letters[3].identity})
    found = states(letters, {(0, 1): "redriven", (0, 4): "discarded"}, handled)
    assert [state for _, state in found] == ["superseded", "redriven", "open", "handled", "discarded"]


@given(
    ids=st.lists(st.sampled_from("abc"), max_size=12),
    settled=st.sets(st.integers(0, 11)),
    handled=st.sets(st.sampled_from("abc")),
)
def test_of_a_message_one_letter_at_most_is_open(ids: list[str], settled: set[int], handled: set[str]) -> None:
    letters = [letter(each, n) for n, each in enumerate(ids)]
    done: dict[Any, Any] = {(0, n): "redriven" for n in settled}
    found = states(letters, done, frozenset((each.identity) for each in letters if each.record.ce_id in handled))
    opened = [each.record.ce_id for each, state in found if state == "open"]
    assert len(opened) == len(set(opened))
    assert not set(opened) & handled
    for each in set(ids) - handled:
        last = max(n for n, other in enumerate(ids) if other == each)
        assert (each in opened) == (last not in settled)


@given(counts=st.lists(st.integers(0, 6), max_size=10), limit=st.integers(1, 5), force=st.booleans())
def test_the_fourth_redrive_is_refused(counts: list[int], limit: int, force: bool) -> None:
    letters = [letter(str(n), n, count) for n, count in enumerate(counts)]
    chosen = plan(letters, Filter(), limit, force=force)
    assert len(chosen.chosen) <= limit
    assert len(chosen.chosen) + len(chosen.refused) + chosen.left == len(letters)
    if force:
        assert not chosen.refused
    else:
        assert [each.record.redrives >= 3 for each in chosen.refused] == [True] * sum(c >= 3 for c in counts)
        assert all(each.record.redrives < 3 for each in chosen.chosen)


def test_filter() -> None:
    letters = [letter("a", 0), letter("b", 1, reason="schema"), letter("c", 2, error_class="TimeoutError")]

    def fitting(**given: Any) -> str:
        return "".join(each.record.ce_id for each in plan(letters, Filter.of(given), 9).chosen)

    assert fitting() == "abc"
    assert fitting(ids=["b", "c"]) == "bc"
    assert fitting(reason="schema") == "b"
    assert fitting(error="TimeoutError", key="k") == "c"
    assert fitting(key="other") == fitting(type="other") == ""


@pytest.mark.parametrize("given_", [{"id": "a"}, {"ids": "a"}, {"ids": [1]}, {"key": 1}])
def test_filter_that_is_not_in_order(given_: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Filter.of(given_)
