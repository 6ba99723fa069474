"""A client of a schema registry that speaks Confluent's HTTP interface."""

from __future__ import annotations

import json
import threading
from typing import Any, Protocol
from urllib.parse import quote

import httpx

Schema = dict[str, Any] | str
"""An Avro schema as data, or the text of a Protobuf file."""

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 404, 409, 422


class RegistryUnavailable(Exception):
    """The registry does not answer: trying again later may help."""


class UnknownSchema(Exception):
    """The registry knows no schema of that id."""


class IncompatibleSchema(Exception):
    """The registry refuses a schema: readers of released messages could not read the new ones, or the reverse."""


class Registry(Protocol):
    """What the codec needs."""

    @property
    def url(self) -> str:
        """Where schemas can be looked up; goes into `ce_dataschema`."""
        ...

    def register(self, subject: str, schema: Schema, compatibility: str) -> int:
        """The id of a schema under a subject, new or known."""
        ...

    def schema(self, schema_id: int) -> dict[str, Any]:
        """The Avro schema of an id."""
        ...


class HttpRegistry:
    """Registers and fetches over HTTP. What was fetched once is kept: a schema of an id never changes."""

    def __init__(self, url: str, *, timeout: float = 5.0, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            timeout=timeout, transport=transport, headers={"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}
        )
        self._schemas: dict[int, dict[str, Any]] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The registry's address."""
        return self._url

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def register(self, subject: str, schema: Schema, compatibility: str) -> int:
        """Set the subject's compatibility, then register. Both change nothing when done before."""
        body = _body(schema)
        text = body["schema"]
        with self._lock:
            known = self._ids.get((subject, text))
        if known is not None:
            return known
        path = quote(subject, safe="")
        self._call("PUT", f"/config/{path}", {"compatibility": compatibility}, tolerated=(_NOT_FOUND, 405))
        answer = self._call("POST", f"/subjects/{path}/versions", body)
        schema_id = int(answer["id"])
        with self._lock:
            self._ids[subject, text] = schema_id
            if isinstance(schema, dict):
                self._schemas.setdefault(schema_id, schema)
        return schema_id

    def schema(self, schema_id: int) -> dict[str, Any]:
        """Fetch a schema, once."""
        with self._lock:
            known = self._schemas.get(schema_id)
        if known is None:
            known = _avro(schema_id, self._call("GET", f"/schemas/ids/{schema_id}", None))
            with self._lock:
                self._schemas[schema_id] = known
        return known

    def _call(self, method: str, path: str, body: Any, tolerated: tuple[int, ...] = ()) -> dict[str, Any]:
        try:
            response = self._client.request(method, self._url + path, json=body)
        except httpx.HTTPError as reason:
            raise RegistryUnavailable(f"{method} {self._url}{path}: {reason}") from reason
        if response.status_code in tolerated:
            return {}
        if response.status_code in (_CONFLICT, _UNPROCESSABLE):
            raise IncompatibleSchema(f"{path}: {_message(response)}")
        if response.status_code == _NOT_FOUND:
            raise UnknownSchema(f"{path}: {_message(response)}")
        if response.is_error:
            raise RegistryUnavailable(f"{method} {self._url}{path}: {response.status_code} {_message(response)}")
        return dict(response.json())


def _body(schema: Schema) -> dict[str, str]:
    """What a registry is given; Avro is what it takes a schema for when nothing is said."""
    if isinstance(schema, str):
        return {"schema": schema, "schemaType": "PROTOBUF"}
    return {"schema": json.dumps(schema, separators=(",", ":"))}


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json().get("message", ""))
    except (ValueError, AttributeError):
        return response.text[:200]


def _avro(schema_id: int, answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("schemaType", "AVRO") != "AVRO":
        raise UnknownSchema(f"schema {schema_id} is not in Avro")
    return dict(json.loads(answer["schema"]))
