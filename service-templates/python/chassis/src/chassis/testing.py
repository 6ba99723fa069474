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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from chassis.domain import Conflict, NotFound
from chassis.http.auth import Caller
from chassis.http.idempotency import replay_of
from chassis.http.limits import RateLimiter
from chassis.http.problem import Answer, unauthenticated
from chassis.message import FieldError, InvalidMessage, wire_name
from chassis.paging import LIMIT_DEFAULT, Page
from chassis.work import MessageContext, Outgoing, UnitOfWork

if TYPE_CHECKING:
    import httpx

    from chassis.http.calls import Ports
    from chassis.service import Service

T = TypeVar("T")

_NO_CONNECTION: Any = None


class MemoryRepository(Generic[T]):
    """Aggregates in a dict, with the methods of `chassis.aggregates.AggregateTable`: fits the generated protocols.

    `key` is the attribute (snake case) that identifies the aggregate.
    """

    def __init__(self, key: str, stored: Iterable[T] = ()) -> None:
        self._key = key
        self._states: dict[str, T] = {str(getattr(state, key)): state for state in stored}

    def __len__(self) -> int:
        return len(self._states)

    def add(self, work: UnitOfWork, state: T) -> None:
        """Store a new aggregate; `Conflict` when its key is taken."""
        key = str(getattr(state, self._key))
        if key in self._states:
            raise Conflict(f"{type(state).__name__} {key} exists")
        self._states[key] = state
        _undo_on_rollback(work, lambda: self._states.pop(key, None))

    def get(self, work: UnitOfWork, key: Any) -> T:
        """The aggregate; `NotFound` when there is none."""
        try:
            return self._states[str(key)]
        except KeyError:
            raise NotFound(_kind(self._key), key) from None

    def read(self, work: UnitOfWork, key: Any) -> T:
        """The aggregate as it is, for a query; `NotFound` when there is none."""
        return self.get(work, key)

    def save(self, work: UnitOfWork, state: T) -> None:
        """Store what became of an aggregate."""
        key = str(getattr(state, self._key))
        before = self.get(work, key)
        self._states[key] = state
        _undo_on_rollback(work, lambda: self._states.update({key: before}))

    def find(self, work: UnitOfWork, field: str, value: Any) -> list[Any]:
        """Keys of those whose field (attribute or wire name) equals the value, in key order."""
        matching = [state for state in self._sorted() if _equal(state, field, value)]
        return [getattr(state, self._key) for state in matching]

    def page(
        self,
        work: UnitOfWork,
        filters: Mapping[str, Any] | None = None,
        after: Any = None,
        limit: int = LIMIT_DEFAULT,
    ) -> Page[T]:
        """Those that match all filters that are not `None`, in key order."""
        wanted = {field: value for field, value in (filters or {}).items() if value is not None}
        matching = [state for state in self._sorted() if all(_equal(state, *each) for each in wanted.items())]
        behind = [
            state for state in matching if after is None or self._key_of(state) > _like(after, self._key_of(state))
        ]
        items = tuple(behind[:limit])
        return Page(items, str(self._key_of(items[-1])) if len(behind) > limit else None)

    def _key_of(self, state: T) -> Any:
        return getattr(state, self._key)

    def _sorted(self) -> list[T]:
        return sorted(self._states.values(), key=self._key_of)


def _like(text: Any, key: Any) -> Any:
    """The end of a page, which is text, as a key."""
    try:
        return type(key)(str(text))
    except (ValueError, TypeError):
        raise InvalidMessage((FieldError("/after", "is not the end of a page"),)) from None


def _kind(key: str) -> str:
    """`stock_item_id` -> `StockItem`."""
    return "".join(word.capitalize() for word in key.removesuffix("_id").split("_"))


def _equal(state: object, field: str, value: Any) -> bool:
    names = getattr(type(state), "__dataclass_fields__", {})
    attribute = next((name for name in names if field in (name, wire_name(name))), None)
    if attribute is None:
        raise AttributeError(f"{type(state).__name__} has no field {field}")
    held = getattr(state, attribute)
    return held == value or str(held) == str(value)


def _undo_on_rollback(work: UnitOfWork, undo: Callable[[], object]) -> None:
    if isinstance(work, FakeWork):
        work.undo.append(undo)


class MemoryEventLog:
    """Events in a list, in the place of `chassis.event_log.EventLog`."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def append(self, work: UnitOfWork, event: object) -> None:
        """Keep the event."""
        self.events.append(event)
        _undo_on_rollback(work, self.events.pop)


class FakeWork(UnitOfWork):
    """A unit of work without a database: `published` keeps the events, `new_id` counts up from a fixed uuid."""

    def __init__(self, context: MessageContext | None = None, first_id: int = 1) -> None:
        super().__init__(_NO_CONNECTION, context or MessageContext(), _NO_CONNECTION)
        self.published: list[object] = []
        self.undo: list[Callable[[], object]] = []
        self._next = first_id

    def new_id(self) -> UUID:
        """`00000000-0000-7000-8000-000000000001` and so on."""
        number, self._next = self._next, self._next + 1
        return UUID(int=0x7 << 76 | 0x2 << 62 | number)

    def publish(self, event: object, *, saga_headers: dict[str, str] | None = None) -> Outgoing:
        """Keep the event."""
        self.published.append(event)
        return Outgoing("", "", self.new_id(), type(event).__name__, dict(saga_headers or {}), None)

    @contextmanager
    def nested(self) -> Iterator[UnitOfWork]:
        """Like a savepoint: an error takes back what was published and stored inside."""
        sent, undo = len(self.published), len(self.undo)
        try:
            yield self
        except BaseException:
            del self.published[sent:]
            self.roll_back(undo)
            raise

    def roll_back(self, to: int = 0) -> None:
        """Take back what repositories stored since."""
        while len(self.undo) > to:
            self.undo.pop()()


class _Memory:
    """Transactions, idempotency keys and published events of one `ApiClient` and those derived from it."""

    def __init__(self) -> None:
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
        claims = {"sub": caller, "scope": sorted(every if scopes is None else scopes), "kind": kind}
        self.authorization = f"Bearer {json.dumps(claims)}"
        self._service = service
        self._memory: _Memory = _parent._memory if _parent else _Memory()
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

    return Ports(transactions=memory, authenticate=_known_caller, idempotency=memory, limiter=limiter)


def _api_client(service: Service, ports: Ports) -> Any:
    from chassis.http.app import Api  # noqa: PLC0415 - see above

    return client_of(Api(service, ports).app())


def _fresh_key() -> str:
    from uuid import uuid4  # noqa: PLC0415

    return str(uuid4())
