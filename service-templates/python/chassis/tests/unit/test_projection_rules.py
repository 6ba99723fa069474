from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.definition import Projection
from chassis.projection_rules import Change, Position, Row, Unkeyed, change_of, fold, merged, together
from chassis.projections.freshness import MARKS_MOST, Marks
from projection_lab import projection

MODEL = Projection.model_validate(projection("t"))
MADE, PRICED, ENDED = MODEL.sources


def change(subject: int, sequence: int, **values: Any) -> Change:
    place = Position(f"stream {subject}", sequence, f"2026-01-31T12:00:{sequence:02d}Z")
    return Change("Product", str(subject), {**values, "changedAt": place.at}, place, sequence == 1)


def folded(changes: list[Change]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for each in changes:
        rows[each.subject] = fold(rows.get(each.subject), each)
    return rows


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes of some subjects, each subject's in the order of its sequence."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    columns = st.dictionaries(st.sampled_from(["price", "label", "state"]), st.integers(0, 9))
    queues = [[change(who, n + 1, **draw(columns)) for n in range(length)] for who, length in enumerate(lengths)]
    order = draw(st.permutations([who for who, length in enumerate(lengths) for _ in range(length)]))
    return [queues[who].pop(0) for who in order]


@given(histories(), st.integers())
def test_repetitions_change_nothing(history: list[Change], seed: int) -> None:
    chance = random.Random(seed)
    with_repetitions: list[Change] = []
    for n, each in enumerate(history):
        with_repetitions.append(each)
        with_repetitions += chance.choices(history[: n + 1], k=chance.randint(0, 3))
    assert folded(with_repetitions) == folded(history)


@given(histories())
def test_subjects_do_not_touch_each_other(history: list[Change]) -> None:
    apart = {each.subject: [other for other in history if other.subject == each.subject] for each in history}
    assert folded(history) == {who: folded(changes)[who] for who, changes in apart.items()}


@given(histories(), st.data())
def test_a_run_that_begins_anew_ends_the_same(history: list[Change], data: st.DataObject) -> None:
    """A rebuild that reads from the start, beside live changes of the same rows."""
    reached = data.draw(st.integers(0, len(history)))
    assert folded(history[:reached] + history) == folded(history)


def test_a_late_change_leaves_the_very_row() -> None:
    row = fold(None, change(1, 2, price=5))
    assert fold(row, change(1, 1, price=4)) is row
    assert not row.whole
    assert fold(row, change(1, 3)).position.sequence == 3


def test_an_aggregate_that_moves_to_another_stream_is_followed_by_time() -> None:
    row = fold(None, change(1, 9, price=5))
    there = Change("Product", "1", {"price": 6}, Position("elsewhere", 1, "2026-01-31T12:00:10Z"), False)
    before = Change("Product", "1", {"price": 4}, Position("elsewhere", 2, "2026-01-31T12:00:08Z"), False)
    assert fold(row, there).values["price"] == 6
    assert fold(row, before) is row


def test_a_change_says_what_the_row_has_room_for_and_the_state_after_it() -> None:
    event = {"productId": "p", "customerId": "c", "sku": "s", "price": 3, "label": "l"}
    made = change_of(MODEL, MADE, event, Position("x", 1, "2026-01-31T12:00:00Z"), event)
    assert made.values == {
        "sku": "s", "productId": "p", "price": 3, "label": "l", "state": "made", "changedAt": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    assert (made.subject, made.source, made.creates) == ("p", "Product", True)
    assert "state" not in change_of(MODEL, PRICED, event, Position("x", 1, "t"), event).values


@pytest.mark.parametrize("lost", ["productId", "sku"])
def test_an_event_without_key_or_subject_is_refused(lost: str) -> None:
    event = {"productId": "p", "sku": "s"} | {lost: None}
    with pytest.raises(Unkeyed, match=lost):
        change_of(MODEL, ENDED, event, Position("x", 1, "t"), event)


def test_own_terms_decide_the_values_and_the_event_decides_the_subject() -> None:
    own = {"sku": "translated", "label": "ours"}
    change = change_of(MODEL, ENDED, {"productId": "p", "sku": "theirs"}, Position("x", 1, "t"), own)
    assert change.subject == "p"
    assert (change.values["sku"], change.values["label"]) == ("translated", "ours")


def test_a_truncated_rebuild_is_completed_by_the_row_before() -> None:
    old, new = folded([change(1, 1, price=1, label="old")])["1"], folded([change(1, 4, price=2)])["1"]
    both = merged(old, new)
    assert (both.values["price"], both.values["label"], both.whole) == (2, "old", True)


def test_the_latest_word_on_each_field_counts() -> None:
    rows = [{"changedAt": "2", "price": 2, "label": None}, {"changedAt": "1", "price": 1, "label": "x"}]
    assert together(rows) == {"changedAt": "2", "price": 2, "label": "x"}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=MARKS_MOST))
def test_marks_never_say_more_than_was_handled(steps: list[tuple[int, int]]) -> None:
    """`end` grows, the reader follows at its own pace; what is claimed was handled when it is claimed."""
    marks, end, position = Marks(), 0, 0
    asked: list[tuple[float, int]] = []
    for at, (more, read) in enumerate(steps):
        end += more
        marks.note(float(at), end)
        asked.append((float(at), end))
        position = min(end, position + read)
        known = marks.reached(position)
        assert known == max((moment for moment, seen in asked if seen <= position), default=None)


def test_marks_do_not_grow_without_end() -> None:
    marks = Marks()
    for at in range(10 * MARKS_MOST):
        marks.note(float(at), at + 1)
    assert len(marks.waiting) == MARKS_MOST
    assert marks.reached(0) is None
