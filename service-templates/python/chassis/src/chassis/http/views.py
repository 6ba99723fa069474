"""What a read model answers: the rows of a key, page after page, and how fresh they are."""

from __future__ import annotations

from typing import Any, get_type_hints

from chassis.definition import Projection
from chassis.http.calls import JSON, Ports, admitted, again_after_rollback, context_of, page_document, page_request
from chassis.http.incoming import Incoming, query_payload
from chassis.http.problem import Answer
from chassis.message import read_value, write_value
from chassis.paging import Page, PageRequest
from chassis.projected import Freshness, ProjectedRows
from chassis.service import Service
from chassis.work import UnitOfWork


class SqlViews:
    """Read models in their tables."""

    def __init__(self, service: Service) -> None:
        self._rows: dict[str, ProjectedRows[Any]] = {
            model.name.text: ProjectedRows(
                service.messages[model.row.text], name=model.name.text, table=model.table, key=model.key.name.snake
            )
            for model in service.definition.read_models
        }

    def page(self, model: Projection, key: Any, page: PageRequest, work: UnitOfWork) -> Page[Any]:
        """See `ProjectedRows.page`."""
        return self._rows[model.name.text].page(work, key, page.after, page.limit)

    def freshness(self, model: Projection, work: UnitOfWork) -> Freshness:
        """See `ProjectedRows.freshness`."""
        return self._rows[model.name.text].freshness(work)


def serve_read_model(service: Service, ports: Ports, model: Projection, incoming: Incoming) -> Answer:
    """Answer with the rows of the key in the path."""
    caller = admitted(ports, model, incoming)
    name = model.key.name.text
    given = query_payload(incoming, (model.key,), ("after", "limit"))[name]
    hint = get_type_hints(service.messages[model.row.text])[model.key.name.snake]
    key, page = read_value(hint, given, f"/{name}"), page_request(incoming)
    views = ports.views
    if views is None:
        raise RuntimeError("read models are kept nowhere")

    def attempt() -> Answer:
        with ports.transactions.work(context_of(caller, incoming), incoming.remaining()) as work:
            fresh = views.freshness(model, work)  # before the rows, which can only be fresher
            found = views.page(model, key, page, work)
        as_of = None if fresh.as_of is None else write_value(type(fresh.as_of), fresh.as_of)
        staleness = None if fresh.seconds is None else round(fresh.seconds, 3)
        return Answer(200, page_document(found) | {"asOf": as_of, "staleness": staleness}, dict(JSON))

    return again_after_rollback(attempt)
