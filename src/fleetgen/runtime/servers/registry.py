"""The calls of a Confluent schema registry that serializers and build tools make, kept in one JSON file.

Avro and Protobuf are checked for compatibility; JSON schemas are kept as they come.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetgen.runtime.folder import write_atomically
from fleetgen.runtime.servers.compatibility import LEVELS, InvalidSchema, canonical, incompatibilities, sound
from fleetgen.runtime.servers.web import Answer, Request, json_answer

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
DEFAULT_LEVEL = "BACKWARD_TRANSITIVE"
_COMMENT = re.compile(r"\A(//[^\n]*\n)+\n*")


class Refusal(Exception):
    """An error of the protocol: its code begins with the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Schema:
    """A schema by its text and type; equal ones share an id."""

    text: str
    type: str = "AVRO"


class Registry:
    """Subjects with versions, ids, levels of compatibility."""

    def __init__(self, file: Path, released: Path | None = None) -> None:
        """Go on with what `file` holds.

        Of that, later schemas must fit what lies in the folder `released` only: while a fleet is built its contracts
        change freely. What is registered from now on holds as in any registry.
        """
        self._file = file
        self._guard = threading.Lock()
        self._schemas: list[Schema] = []  # id is the place, from 1
        self._subjects: dict[str, list[int]] = {}  # ids by version, 0 where one was deleted
        self._levels: dict[str, str] = {}
        if file.exists():
            content = json.loads(file.read_text())
            self._schemas = [Schema(**item) for item in content["schemas"]]
            self._subjects, self._levels = content["subjects"], content["levels"]
        kept = texts(released)
        self._holding = {number for number, known in enumerate(self._schemas, 1) if _same(known.text) in kept}

    def handle(self, request: Request) -> Answer:
        """One call."""
        try:
            with self._guard:
                return json_answer(self._answer(request), 200, CONTENT_TYPE)
        except InvalidSchema as wrong:
            refusal = Refusal(42201, str(wrong))
        except Refusal as other:
            refusal = other
        content = {"error_code": refusal.code, "message": str(refusal)}
        return json_answer(content, int(str(refusal.code)[:3]), CONTENT_TYPE)

    def _answer(self, request: Request) -> Any:
        match request.path:
            case () if request.method == "GET":
                return {}
            case ("subjects", *rest):
                return self._subject(request, rest)
            case ("compatibility", "subjects", subject, "versions", *which) if request.method == "POST":
                return self._compatible(subject, which, request)
            case ("config", *subject):
                return self._level(request, subject[0] if subject else "")
            case ("schemas", "ids", number, *rest):
                return self._by_id(_number(number), rest)
        fixed: dict[tuple[str, ...], Callable[[], Any]] = {
            ("schemas", "types"): lambda: ["AVRO", "JSON", "PROTOBUF"],
            ("mode",): lambda: {"mode": "READWRITE"},
        }
        return _known(fixed, request.path)

    def _by_id(self, number: int, rest: list[str]) -> Any:
        if not 1 <= number <= len(self._schemas):
            raise Refusal(40403, f"schema {number} not found")
        schema = self._schemas[number - 1]
        places = [
            (subject, version)
            for subject, ids in sorted(self._subjects.items())
            for version, known in enumerate(ids, 1)
            if known == number
        ]
        answers: dict[tuple[str, ...], Callable[[], Any]] = {
            (): lambda: _described(schema),
            ("schema",): lambda: _content(schema.type, schema.text),
            ("subjects",): lambda: sorted({subject for subject, _ in places}),
            ("versions",): lambda: [{"subject": subject, "version": version} for subject, version in places],
        }
        return _known(answers, rest)

    def _subject(self, request: Request, rest: list[str]) -> Any:
        if not rest:
            return sorted(name for name, ids in self._subjects.items() if any(ids))
        subject, *rest = rest
        if request.method == "POST":
            schema = _schema(request)
            registering: dict[tuple[str, ...], Callable[[], Any]] = {
                (): lambda: self._look_up(subject, schema),
                ("versions",): lambda: {"id": self._register(subject, schema)},
            }
            return _known(registering, rest)
        return self._delete(subject, rest) if request.method == "DELETE" else self._read(subject, rest)

    def _read(self, subject: str, rest: list[str]) -> Any:
        match rest:
            case ["versions"]:
                return self._versions(subject)
            case ["versions", version]:
                return self._version(subject, version)
            case ["versions", version, "schema"]:
                found = self._version(subject, version)
                return _content(found.get("schemaType", "AVRO"), found["schema"])
        raise Refusal(404, "no such call")

    def _delete(self, subject: str, rest: list[str]) -> Any:
        gone: Any
        match rest:
            case []:
                gone = self._versions(subject)
                del self._subjects[subject]
            case ["versions", version]:
                gone = self._version(subject, version)["version"]
                self._subjects[subject][gone - 1] = 0
            case _:
                raise Refusal(404, "no such call")
        self._keep()
        return gone

    def _versions(self, subject: str) -> list[int]:
        return [version for version, known in enumerate(self._ids(subject), 1) if known]

    def _ids(self, subject: str) -> list[int]:
        if not any(self._subjects.get(subject, ())):
            raise Refusal(40401, f"subject `{subject}` not found")
        return self._subjects[subject]

    def _texts(self, ids: list[int]) -> list[str]:
        return [self._schemas[known - 1].text for known in ids if known in self._holding]

    def _version(self, subject: str, wish: str) -> dict[str, Any]:
        ids = self._ids(subject)
        latest = self._versions(subject)[-1]
        version = latest if wish in ("latest", "-1") else _number(wish)
        if not 1 <= version <= len(ids) or not ids[version - 1]:
            raise Refusal(40402, f"version {wish} of `{subject}` not found")
        return self._entry(subject, version)

    def _entry(self, subject: str, version: int) -> dict[str, Any]:
        number = self._subjects[subject][version - 1]
        return {"subject": subject, "version": version, "id": number, **_described(self._schemas[number - 1])}

    def _look_up(self, subject: str, schema: Schema) -> dict[str, Any]:
        for version, known in enumerate(self._ids(subject), 1):
            if known and self._schemas[known - 1] == schema:
                return self._entry(subject, version)
        raise Refusal(40403, "schema not found")

    def _register(self, subject: str, schema: Schema) -> int:
        ids = self._subjects.get(subject, [])
        again = next((known for known in ids if known and self._schemas[known - 1] == schema), 0)
        if again in self._holding:
            return again
        broken = self._broken(subject, schema, self._texts(ids))
        if broken:
            raise Refusal(409, f"the schema does not fit earlier versions of `{subject}`: {broken[0]}")
        if schema not in self._schemas:
            self._schemas.append(schema)
        number = self._schemas.index(schema) + 1
        self._holding.add(number)
        self._subjects[subject] = ids if again else [*ids, number]
        self._keep()
        return number

    def _broken(self, subject: str, schema: Schema, earlier: list[str]) -> tuple[str, ...]:
        level = self._levels.get(subject) or self._levels.get("", DEFAULT_LEVEL)
        return incompatibilities(level, schema.type, schema.text, earlier)

    def _compatible(self, subject: str, which: list[str], request: Request) -> dict[str, Any]:
        ids = self._subjects.get(subject, []) if not which else self._ids(subject)
        earlier = self._texts(ids)
        if which and which[0] not in ("latest", "-1"):
            earlier = [self._version(subject, which[0])["schema"]]
        elif which:
            earlier = earlier[-1:]
        broken = self._broken(subject, _schema(request), earlier)
        verbose = {"messages": list(broken)} if request.query.get("verbose") == "true" else {}
        return {"is_compatible": not broken, **verbose}

    def _level(self, request: Request, subject: str) -> dict[str, str]:
        if request.method == "GET":
            known = self._levels.get(subject)
            if known is None and subject and request.query.get("defaultToGlobal") != "true":
                raise Refusal(40408, f"subject `{subject}` has no level of its own")
            return {"compatibilityLevel": known or self._levels.get("", DEFAULT_LEVEL)}
        if request.method == "DELETE":
            self._levels.pop(subject, None)
        else:
            wish = request.json().get("compatibility")
            if wish not in LEVELS:
                raise Refusal(42203, f"`{wish}` is no level of compatibility")
            self._levels[subject] = wish
        self._keep()
        return {"compatibility": self._levels.get(subject, DEFAULT_LEVEL)}

    def _keep(self) -> None:
        schemas = [{"text": schema.text, "type": schema.type} for schema in self._schemas]
        content = {"schemas": schemas, "subjects": self._subjects, "levels": self._levels}
        write_atomically(self._file, json.dumps(content))


def texts(released: Path | None) -> frozenset[str]:
    """The schemas of released contracts as they are registered: without the comment in which files begin."""
    files = sorted(released.rglob("*.*")) if released is not None and released.is_dir() else []
    return frozenset(_same(_COMMENT.sub("", file.read_text())) for file in files if file.is_file())


def _same(text: str) -> str:
    """Equal for texts that mean the same: services order the keys of Avro otherwise than contracts do."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _schema(request: Request) -> Schema:
    content = request.json()
    if not isinstance(content, dict) or not isinstance(content.get("schema"), str):
        raise Refusal(42201, "the body has no `schema`")
    type_ = content.get("schemaType") or "AVRO"
    sound(type_, content["schema"])
    return Schema(canonical(content["schema"]), type_)


def _content(kind: str, text: str) -> Any:
    return text if kind == "PROTOBUF" else json.loads(text)


def _known(answers: Mapping[tuple[str, ...], Callable[[], Any]], path: Sequence[str]) -> Any:
    answer = answers.get(tuple(path))
    if answer is None:
        raise Refusal(404, "no such call")
    return answer()


def _described(schema: Schema) -> dict[str, Any]:
    return {"schema": schema.text} | ({} if schema.type == "AVRO" else {"schemaType": schema.type})


def _number(text: str) -> int:
    if not text.isdigit():
        raise Refusal(42202, f"`{text}` is no version")
    return int(text)
