"""Scalars in wire JSON: the text or number of a value, and the value of a text or number.

Readers raise `ValueError` with a sentence a caller of the API can act on. They accept nothing that a database column,
an Avro field or another language could not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.values import Money

INT_LEAST, INT_MOST = -(2**63), 2**63 - 1
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,64}(\.\d{1,64})?", re.ASCII)
_DURATION = re.compile(
    r"(?P<sign>-)?P(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:\.(?P<fraction>\d{1,9}))?S)?)?)",
    re.ASCII,
)
_CURRENCY = re.compile(r"[A-Z]{3}")


def read_text(value: Any) -> str:
    """Any text that can be stored: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if "\x00" in value:
        raise ValueError("must not contain the character U+0000")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def read_int(value: Any) -> int:
    """A whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be an integer")
    if not INT_LEAST <= value <= INT_MOST:
        raise ValueError("must fit into 64 bits")
    return value


def read_bool(value: Any) -> bool:
    """True or false, nothing that is merely truthy."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def read_decimal(value: Any) -> Decimal:
    """An exact number as text, such as `"12.50"`. Numbers are refused: they would have passed through a float."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError('must be a decimal number as text, such as "12.50"')
    return Decimal(value)


def read_uuid(value: Any) -> UUID:
    """The hyphenated form."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError("must be a UUID")
    return UUID(value)


def read_date(value: Any) -> date:
    """Year, month, day."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date, such as 2026-01-31")
    return date.fromisoformat(value)


def read_datetime(value: Any) -> datetime:
    """RFC 3339; microseconds are kept, what is finer is cut off."""
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        raise ValueError("must be a moment with its offset, such as 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


def read_duration(value: Any) -> timedelta:
    """ISO 8601 without years and months, whose length varies; what is finer than milliseconds is cut off."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.group(part) for part in ("weeks", "days", "hours", "minutes", "seconds")):
        raise ValueError("must be a duration, such as PT5M")
    part = {name: int(text) for name, text in match.groupdict(default="0").items() if name not in ("sign", "fraction")}
    millis = int((match.group("fraction") or "0").ljust(3, "0")[:3])
    try:
        duration = timedelta(**part, milliseconds=millis)
    except OverflowError:
        raise ValueError("is too long") from None
    return -duration if match.group("sign") else duration


def read_money(value: Any) -> Money:
    """An object of `amount` in minor units and `currency`."""
    if not isinstance(value, Mapping) or not {"amount", "currency"} == value.keys():
        raise ValueError('must be money, such as {"amount": 1200, "currency": "EUR"}')
    amount, currency = read_int(value["amount"]), value["currency"]
    if not isinstance(currency, str) or not (_CURRENCY.fullmatch(currency) or (currency == "" and amount == 0)):
        raise ValueError("currency must be three capital letters")
    return Money(amount, currency)


def write_decimal(value: Decimal) -> str:
    """Plain digits, never an exponent."""
    return format(value, "f")


def write_datetime(value: datetime) -> str:
    """In UTC, with as many digits as the moment has."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_duration(value: timedelta) -> str:
    """`PT1H0.5S`; hours are not folded into days."""
    millis = value // timedelta(milliseconds=1)
    sign, millis = ("-", -millis) if millis < 0 else ("", millis)
    seconds, fraction = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    if seconds or fraction or not text:
        text += f"{seconds}" + (f".{fraction:03}".rstrip("0") if fraction else "") + "S"
    return f"{sign}PT{text}"


def write_money(value: Money) -> dict[str, Any]:
    """An object of minor units and currency."""
    return {"amount": value.amount, "currency": value.currency}


def _as_it_is(value: Any) -> Any:
    return value


READERS: Mapping[type, Callable[[Any], Any]] = {
    str: read_text,
    int: read_int,
    bool: read_bool,
    Decimal: read_decimal,
    UUID: read_uuid,
    date: read_date,
    datetime: read_datetime,
    timedelta: read_duration,
    Money: read_money,
}
WRITERS: Mapping[type, Callable[[Any], Any]] = {
    str: str,
    int: _as_it_is,
    bool: _as_it_is,
    Decimal: write_decimal,
    UUID: str,
    date: date.isoformat,
    datetime: write_datetime,
    timedelta: write_duration,
    Money: write_money,
}
