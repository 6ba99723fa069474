"""Calls to the public API of a running fleet, with tokens for just what is called."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fleetgen.facts.schema import CommandFact
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.http import Reply, fetch
from fleetgen.runtime.monorepo import LocalFleet
from fleetgen.runtime.token import OPERATOR, mint

SUBJECT = "smoke"
_TRIES = 5


@dataclass(frozen=True)
class Done:
    """A command that succeeded. `key` is that of its aggregate."""

    event: str
    data: Mapping[str, Any]
    key: str
    saga: str
    correlation: str


class Refused(Exception):
    """A command that did not succeed."""

    def __init__(self, command: str, reply: Reply | None) -> None:
        """`reply` is None where nobody answered."""
        said = "no answer" if reply is None else f"{reply.status} {reply.body.decode(errors='replace')[:400]}"
        super().__init__(f"`{command}`: {said}")


class Caller:
    """One client of the fleet."""

    def __init__(self, fleet: LocalFleet, addresses: Mapping[str, str], mint_secret: str) -> None:
        """Ask for no token yet."""
        self._fleet, self._addresses, self._secret = fleet, addresses, mint_secret
        self._tokens: dict[tuple[tuple[str, ...], bool], str] = {}

    def carry_out(self, service: str, command: CommandFact, given: Mapping[str, Any], traceparent: str = "") -> Done:
        """Carry out a command with wire values, key included; an internal one as a service."""
        key = self._key_in_path(command)
        path = (
            command.route.path.replace(f"{{{key}}}", quote(str(given.get(key, "")), safe=""))
            if key
            else command.route.path
        )
        known = {field.name.text for field in command.fields}
        body = {name: value for name, value in given.items() if name in known and name != key}
        headers = {
            "Authorization": f"Bearer {self._token(command.scopes, command.exposure == 'internal')}",
            "Idempotency-Key": str(uuid.uuid4()),
        } | ({"traceparent": traceparent} if traceparent else {})
        name = self._fleet.service(service).name
        reply = self._post(f"{self._addresses[name]}{path}", body, headers)
        if reply is None or reply.status not in (200, 201):
            raise Refused(command.name.text, reply)
        content = reply.json()
        return Done(
            event=content["event"],
            data=content["data"],
            key=str(content["data"].get(self._subject(name, content["event"]), given.get(key, ""))),
            saga=reply.headers.get("x-saga-id", ""),
            correlation=reply.headers.get("x-correlation-id", ""),
        )

    def saga(self, owner: str, identity: str) -> dict[str, Any] | None:
        """A saga as its owner's operators see it."""
        name = self._fleet.service(owner).name
        headers = {"Authorization": f"Bearer {self._token((OPERATOR,), False)}"}
        reply = fetch("GET", f"{self._addresses[f'{name}/admin']}/admin/sagas/{identity}", headers=headers)
        if reply is None or reply.status == 404:
            return None
        if reply.status != 200:
            raise RuntimeProblem(
                f"the admin interface of `{owner}` answers {reply.status}: {reply.body.decode()[:200]}"
            )
        found: dict[str, Any] = reply.json()
        return found

    def _post(self, url: str, body: Any, headers: Mapping[str, str]) -> Reply | None:
        """With the same idempotency key for every try: a service that was just restarted deserves a second one."""
        reply = None
        for attempt in range(_TRIES):
            reply = fetch("POST", url, body, headers, limit=30)
            if reply is not None and reply.status != 503:
                break
            time.sleep(0.2 * 2**attempt)
        return reply

    def _token(self, scopes: tuple[str, ...], service: bool) -> str:
        if (scopes, service) not in self._tokens:
            issuer = self._addresses["issuer"]
            self._tokens[scopes, service] = mint(issuer, self._secret, subject=SUBJECT, scopes=scopes, service=service)
        return self._tokens[scopes, service]

    def _subject(self, service: str, event: str) -> str:
        facts = self._fleet.service(service).facts
        return next((known.subject for known in facts.events if known.name.text == event), "")

    @staticmethod
    def _key_in_path(command: CommandFact) -> str:
        if command.target != "existing":
            return ""
        return command.route.path.partition("{")[2].partition("}")[0]
