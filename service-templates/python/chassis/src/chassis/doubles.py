"""Doubles for tests: a repository and a unit of work that need no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar
from uuid import UUID

from chassis.domain import Conflict, NotFound
from chassis.message import FieldError, InvalidMessage, wire_name
from chassis.paging import LIMIT_DEFAULT, Page
from chassis.work import MessageContext, Outgoing, UnitOfWork

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

    def __init__(self, context: MessageContext | None = None, first_id: int = 1, peers: Any = None) -> None:
        super().__init__(_NO_CONNECTION, context or MessageContext(), _NO_CONNECTION, peers)
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
