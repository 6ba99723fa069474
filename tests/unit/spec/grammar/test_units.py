from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.spec.grammar import units
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.quantities import duration_text, rate_text, share_text, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("7d", 604800), ("7y", 7 * 31536000), ("300ms", 0.3), ("1.5h", 5400), ("2w", 1209600)],
)
def test_duration(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds
    assert re.fullmatch(units.DURATION_PATTERN, text)


@pytest.mark.parametrize(("text", "count"), [("1kB", 1000), ("4MiB", 4 * 2**20), ("12B", 12), ("1.5MB", 1500000)])
def test_size(text: str, count: int) -> None:
    assert units.size(text) == count
    assert re.fullmatch(units.SIZE_PATTERN, text)


@pytest.mark.parametrize(("text", "per_second"), [("800/s", 800), ("1000/min/user", 1000 / 60), ("10000/s", 10000)])
def test_rate(text: str, per_second: float) -> None:
    assert units.rate(text) == per_second
    assert re.fullmatch(units.RATE_PATTERN, text)


@pytest.mark.parametrize(("text", "part"), [("99.95%", 0.9995), ("100%", 1), ("0%", 0), ("1%", 0.01)])
def test_share(text: str, part: float) -> None:
    assert units.share(text) == part
    assert re.fullmatch(units.SHARE_PATTERN, text)


@pytest.mark.parametrize(
    ("read", "text", "hint"),
    [
        (units.duration, "30", "write `30s`"),
        (units.duration, "30 sec", "choose from `ms`"),
        (units.duration, "5M", "write `5m`"),
        (units.duration, "soon", "as `30s`"),
        (units.size, "1KB", "write `1kB`"),
        (units.rate, "800", "as `800/s`"),
        (units.rate, "800/sec", "choose from `s`"),
        (units.share, "99.95", "write `99.95%`"),
        (units.share, "120%", "at most `100%`"),
        (units.whole, "1.5", "digits only"),
        (units.flag, "yes", "write `true` or `false`"),
    ],
)
def test_refused_with_what_to_write(read: object, text: str, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(text)  # type: ignore[operator]
    assert hint in caught.value.hint


def test_bounds() -> None:
    with pytest.raises(Unreadable, match="less than 1"):
        units.whole("0", least=1)
    with pytest.raises(Unreadable, match="more than 9"):
        units.whole("10", most=9)


@given(st.integers(0, 10**9))
def test_durations_read_back(milliseconds: int) -> None:
    assert units.duration(duration_text(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(0, 10**12))
def test_sizes_read_back(count: int) -> None:
    assert units.size(size_text(count)) == count


@given(st.integers(0, 10**6), st.sampled_from(["s", "min", "h", "d"]))
def test_rates_read_back(number: int, unit: str) -> None:
    per_second = units.rate(f"{number}/{unit}")
    assert abs(units.rate(rate_text(per_second)) - per_second) < 1e-6


@given(st.integers(0, 10**6))
def test_shares_read_back(millionths: int) -> None:
    assert units.share(share_text(millionths / 10**6)) == pytest.approx(millionths / 10**6, abs=1e-12)


@pytest.mark.parametrize("read", [units.duration, units.size, units.rate, units.share, units.whole, units.flag])
@given(text=st.text(max_size=30))
def test_any_text_is_read_or_refused(read: object, text: str) -> None:
    try:
        read(text)  # type: ignore[operator]
    except Unreadable as error:
        assert error.message
