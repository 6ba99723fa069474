"""Problems as RFC 9457 wants them: `application/problem+json`, one shape for every error of the interface."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEDIA_TYPE = "application/problem+json"
TYPES = "https://fleet.invalid/problems/"  # reserved name (RFC 6761): an identifier, not an address


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault of a message: `pointer` is a JSON Pointer (RFC 6901) into it."""

    pointer: str
    detail: str


class Problem(Exception):
    """Ends a request with this answer; whatever the request wrote is rolled back."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str = "",
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The members of the JSON object."""
        body: dict[str, Any] = {"type": TYPES + self.kind, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        return body | self.members

    def answer(self) -> Answer:
        """As a response."""
        return Answer(self.status, self.document(), {"content-type": MEDIA_TYPE, **self.headers})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that can be stored and given again."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body as JSON."""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


def invalid(details: tuple[Detail, ...]) -> Problem:
    """The message does not fit its schema: every fault, with its place."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in details]
    return Problem(422, "invalid", "The request is not valid", members={"errors": errors})


def rejected(rejection: str, data: dict[str, Any]) -> Answer:
    """The command was refused by a rule of the domain. Unlike other problems this one is a committed outcome."""
    problem = Problem(
        409,
        "rejected",
        "The command was rejected",
        f"the outcome is {rejection}",
        members={"rejection": rejection, "data": data},
    )
    return problem.answer()


def unauthenticated(detail: str, *, error: str = "") -> Problem:
    """There is no token, or none that holds (RFC 6750)."""
    challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
    return Problem(401, "unauthenticated", "Authentication is needed", detail, headers={"www-authenticate": challenge})


def forbidden(detail: str, *, scopes: tuple[str, ...] = ()) -> Problem:
    """The token holds but does not allow this."""
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return Problem(403, "forbidden", "Not allowed", detail, headers={"www-authenticate": challenge})
