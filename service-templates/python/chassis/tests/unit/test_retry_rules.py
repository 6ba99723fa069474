"""Retry topics: their names, and where a record goes from one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chassis.retry_rules import (
    dead_letter_topic,
    level_of,
    next_level,
    original_topic,
    retry_topic,
    retry_topics,
)

names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)


@given(topic=names, group=names, level=st.integers(0, 20))
def test_a_retry_topic_tells_its_topic_and_level(topic: str, group: str, level: int) -> None:
    name = retry_topic(topic, group, level)
    assert (original_topic(name, group), level_of(name)) == (topic, level)


def test_names_are_those_of_the_contract() -> None:
    assert retry_topics("shop.a.events", "shop.b", ordered=True) == ("shop.a.events.shop.b.retry.0",)
    assert retry_topics("t", "g", ordered=False) == tuple(f"t.g.retry.{n}" for n in range(5))
    assert dead_letter_topic("t", "g") == "t.g.dlq"
    assert level_of("shop.order.order.events") == -1


def test_the_way_of_a_poisoned_record() -> None:
    level, way = -1, []
    while (to := next_level(level, final=False, counts=True)) is not None:
        way.append(to)
        level = to
    assert way == [1, 2, 3, 4]
    assert next_level(0, final=False, counts=True) == 1, "a redriven record has all its tries again"


@given(level=st.integers(-1, 4), delays=st.lists(st.floats(0, 1), max_size=4), counts=st.booleans())
def test_whatever_is_final_ends_and_the_rest_moves_on_or_stays(level: int, delays: list[float], counts: bool) -> None:
    assert next_level(level, final=True, counts=counts, delays=delays) is None
    to = next_level(min(level, len(delays)), final=False, counts=counts, delays=delays)
    if to is not None:
        assert 1 <= to <= len(delays)
        assert to > level if counts else to == max(1, min(level, len(delays)))
