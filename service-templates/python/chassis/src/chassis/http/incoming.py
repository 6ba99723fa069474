"""A request as the rest of the interface wants it: read within limits, parsed, and with its deadline."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from starlette.requests import ClientDisconnect, Request

from chassis.definition import Field, Type
from chassis.http.errors import deadline_passed
from chassis.http.problem import Detail, Problem, invalid
from chassis.identity import uuid7
from chassis.work import SagaHeaders

BODY_MOST = 1 << 20
CORRELATION = "x-correlation-id"
SAGA_ID, SAGA_TYPE, SAGA_STEP, SAGA_DIRECTION, SAGA_PART = (
    "x-saga-id", "x-saga-type", "x-saga-step", "x-saga-direction", "x-saga-part",
)  # fmt: skip
DEADLINE = "x-deadline-ms"
CORRELATION_LENGTH_MOST = 128


@dataclass(frozen=True, slots=True)
class Incoming:
    """What was asked. `deadline` is on the monotonic clock."""

    headers: Mapping[str, str]
    path: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    body: bytes
    correlation_id: str
    deadline: float

    def remaining(self) -> float:
        """Seconds until the caller stops waiting; a 504 problem when that was before now."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise deadline_passed()
        return seconds

    def saga(self) -> SagaHeaders | None:
        """The saga step that this call carries out. Only to be believed when a service of the fleet calls."""
        try:
            saga_id = UUID(self.headers[SAGA_ID])
        except (KeyError, ValueError):
            return None
        return SagaHeaders(
            id=saga_id,
            type=self.headers.get(SAGA_TYPE, ""),
            step=self.headers.get(SAGA_STEP, ""),
            direction="compensate" if self.headers.get(SAGA_DIRECTION) == "compensate" else "forward",
            part=self.headers.get(SAGA_PART, ""),
        )


async def read(request: Request, correlation_id: str, seconds: float) -> Incoming:
    """Read the request; a problem when it is too large or its deadline makes no sense."""
    deadline = time.monotonic() + _deadline(request.headers, seconds)
    body = await _body(request) if request.method == "POST" else b""
    return Incoming(
        headers=request.headers,
        path={key: str(value) for key, value in request.path_params.items()},
        query=tuple(request.query_params.multi_items()),
        body=body,
        correlation_id=correlation_id,
        deadline=deadline,
    )


def correlation_of(headers: Mapping[str, str]) -> str:
    """The business transaction that the caller names, or a new one."""
    given = headers.get(CORRELATION, "")
    usable = 0 < len(given) <= CORRELATION_LENGTH_MOST and given.isascii() and given.isprintable()
    return given if usable else str(uuid7())


def _deadline(headers: Mapping[str, str], most: float) -> float:
    given = headers.get(DEADLINE)
    if given is None:
        return most
    try:
        return min(int(given) / 1000, most)
    except ValueError:
        raise Problem(400, "deadline-malformed", "X-Deadline-Ms must be a whole number of milliseconds") from None


async def _body(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > BODY_MOST:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > BODY_MOST:
                raise _too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(400, "disconnected", "The request was cut off") from None
    return b"".join(chunks)


def _too_large() -> Problem:
    return Problem(
        413, "too-large", "The request is too large", f"at most {BODY_MOST} bytes", headers={"connection": "close"}
    )


def command_payload(incoming: Incoming, fields: tuple[Field, ...]) -> dict[str, Any]:
    """The command's wire JSON: the body, and the key from the path."""
    payload = _json_object(incoming)
    for name, text in incoming.path.items():
        value = from_text(text, _type_of(name, fields), f"/{name}")
        if payload.setdefault(name, value) != value:
            raise invalid((Detail(f"/{name}", "is not the same as in the path"),))
    known = {field.name.text for field in fields}
    if unknown := sorted(payload.keys() - known):
        raise invalid(tuple(Detail(f"/{_escaped(name)}", "is not a field of this command") for name in unknown))
    return payload


def query_payload(incoming: Incoming, fields: tuple[Field, ...], reserved: tuple[str, ...] = ()) -> dict[str, Any]:
    """The query's wire JSON: path and parameters, each read as its field's type."""
    payload = {name: from_text(text, _type_of(name, fields), f"/{name}") for name, text in incoming.path.items()}
    known = {field.name.text for field in fields}
    faults = []
    for name, text in incoming.query:
        if name in reserved:
            continue
        if name not in known or name in payload:
            detail = "is given twice" if name in payload else "is not a parameter of this query"
            faults.append(Detail(f"/{_escaped(name)}", detail))
            continue
        payload[name] = from_text(text, _type_of(name, fields), f"/{name}")
    if faults:
        raise invalid(tuple(faults))
    return payload


def from_text(text: str, kind: Type, pointer: str) -> Any:
    """The wire value of a path part or parameter: texts stay texts, numbers and truth values are read."""
    while kind.of is not None and kind.kind == "optional":
        kind = kind.of
    if kind.kind == "int":
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            raise invalid((Detail(pointer, "must be an integer"),))
        return int(text)
    if kind.kind == "bool":
        if text not in ("true", "false"):
            raise invalid((Detail(pointer, "must be true or false"),))
        return text == "true"
    if kind.kind in ("money", "value", "list"):
        return _parsed(text, pointer)
    return text


def _type_of(name: str, fields: tuple[Field, ...]) -> Type:
    return next((field.type for field in fields if field.name.text == name), Type(kind="string"))


def _json_object(incoming: Incoming) -> dict[str, Any]:
    if not incoming.body.strip():
        return {}
    media = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Problem(415, "media-type", "Send JSON", "content-type must be application/json")
    try:
        value = json.loads(incoming.body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(400, "malformed", "The body is not JSON") from None
    if not isinstance(value, dict):
        raise invalid((Detail("", "must be an object"),))
    return value


def _parsed(text: str, pointer: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise invalid((Detail(pointer, "must be JSON"),)) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _escaped(name: str) -> str:
    """A name as a part of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
