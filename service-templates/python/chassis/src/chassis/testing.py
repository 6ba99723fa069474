"""For a service's own unit and API tests: everything in memory, no server, no broker.

```python
orders: MemoryRepository[Order] = MemoryRepository(key="order_id")
client = ApiClient(wire(Handlers(place_order=PlaceOrderHandler(orders), ...)))
response = client.post("/orders", json={...})          # token with every scope, fresh Idempotency-Key
assert response.status_code == 201
assert client.published == [OrderPlaced(...)]
assert client.acting_as(scopes=()).get("/orders/1").status_code == 403
```
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from chassis.doubles import FakeWork, MemoryRepository
from chassis.http.auth import Caller
from chassis.http.idempotency import replay_of
from chassis.http.limits import RateLimiter
from chassis.http.problem import Answer, unauthenticated
from chassis.projection_doubles import MemoryViews
from chassis.work import MessageContext, UnitOfWork

if TYPE_CHECKING:
    import httpx

    from chassis.http.calls import Ports
    from chassis.service import Service

__all__ = ["ApiClient", "FakeWork", "MemoryRepository", "client_of"]


class _Memory:
    """Transactions, idempotency keys and published events of one `ApiClient` and those derived from it."""

    def __init__(self, service: Service) -> None:
        self.views = MemoryViews(service)
        self.published: list[object] = []
        self.ids = 1
        self._answers: dict[tuple[str, str], tuple[bytes, Answer]] = {}

    @contextmanager
    def work(self, context: MessageContext, seconds: float) -> Iterator[UnitOfWork]:
        work = FakeWork(context, self.ids)
        try:
            yield work
        except BaseException:
            work.roll_back()
            raise
        finally:
            self.ids = work.new_id().int & 0xFFFF_FFFF
        self.published.extend(work.published)
        self.views.follow(work.published)

    def claim(self, work: UnitOfWork, scope: str, key: str, digest: bytes) -> Answer | None:
        kept = self._answers.get((scope, key))
        return replay_of(kept[1], kept[0], digest) if kept else None

    def record(self, work: UnitOfWork, scope: str, key: str, digest: bytes, answer: Answer) -> None:
        self._answers[scope, key] = (digest, answer)


def _known_caller(authorization: str | None) -> Caller:
    """The fake token is the caller itself, as JSON."""
    if not authorization:
        raise unauthenticated("send a bearer token")
    claims = json.loads(authorization.removeprefix("Bearer "))
    return Caller(claims["sub"], frozenset(claims["scope"]), claims["kind"])


class ApiClient:
    """The service's HTTP interface, whole but for network, tokens and tables.

    Without `scopes` the caller has every scope of the service. `authorization` is the header that is sent.
    """

    def __init__(
        self,
        service: Service,
        *,
        caller: str = "tester",
        scopes: Iterable[str] | None = None,
        kind: str = "service",
        limiter: RateLimiter | None = None,
        _parent: ApiClient | None = None,
    ) -> None:
        definition = service.definition
        every = {scope for command in definition.commands for scope in command.scopes}
        every |= {scope for query in definition.queries for scope in query.scopes}
        every |= {scope for model in definition.read_models for scope in model.scopes}
        claims = {"sub": caller, "scope": sorted(every if scopes is None else scopes), "kind": kind}
        self.authorization = f"Bearer {json.dumps(claims)}"
        self._service = service
        self._memory: _Memory = _parent._memory if _parent else _Memory(service)
        self.ports: Ports = _parent.ports if _parent else _ports(self._memory, limiter or RateLimiter(0))
        self._client: Any = _parent._client if _parent else _api_client(service, self.ports)

    @property
    def published(self) -> list[object]:
        """The events of all requests that were committed."""
        return self._memory.published

    def get(self, path: str, **params: Any) -> httpx.Response:
        """GET with query parameters."""
        return self.request("GET", path, params=params)

    def post(
        self, path: str, json: Any = None, *, idempotency_key: str | None = "", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """POST; a fresh `Idempotency-Key` unless one is given (`None`: send none)."""
        keyed = {} if idempotency_key is None else {"idempotency-key": idempotency_key or _fresh_key()}
        return self.request("POST", path, json={} if json is None else json, headers={**keyed, **(headers or {})})

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Any request, with the token. An `authorization` of `headers` goes before it; empty, none is sent."""
        sent = {"authorization": self.authorization, **(headers or {})}
        response: httpx.Response = self._client.request(
            method, path, headers={name: value for name, value in sent.items() if value}, **options
        )
        return response

    def acting_as(
        self, *, caller: str = "tester", scopes: Iterable[str] | None = None, kind: str = "user"
    ) -> ApiClient:
        """The same service and data, another token."""
        return ApiClient(self._service, caller=caller, scopes=scopes, kind=kind, _parent=self)


def client_of(app: Any, headers: Mapping[str, str] | None = None) -> Any:
    """A client that calls an ASGI application without a network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client prefers a successor of httpx, which the chassis does not use yet
        from starlette.testclient import TestClient  # noqa: PLC0415 - unit tests of a domain need no client

    return TestClient(app, headers=dict(headers or {}))


def _ports(memory: _Memory, limiter: RateLimiter) -> Ports:
    from chassis.http.calls import Ports  # noqa: PLC0415 - see above

    return Ports(
        transactions=memory, authenticate=_known_caller, idempotency=memory, limiter=limiter, views=memory.views
    )


def _api_client(service: Service, ports: Ports) -> Any:
    from chassis.http.app import Api  # noqa: PLC0415 - see above

    return client_of(Api(service, ports).app())


def _fresh_key() -> str:
    return str(uuid4())
