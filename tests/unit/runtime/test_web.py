import gzip
import threading
from collections.abc import Iterator

import pytest

from fleetgen.runtime.http import fetch
from fleetgen.runtime.servers.web import Answer, Request, json_answer, serve


def echo(request: Request) -> Answer:
    if request.path == ("wrong",):
        raise ValueError("so wrong")
    return json_answer({"path": request.path, "query": dict(request.query), "body": request.body.decode()})


@pytest.fixture
def address() -> Iterator[str]:
    server = serve(echo, 0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_paths_are_split_before_they_are_decoded(address: str) -> None:
    reply = fetch("GET", f"{address}/subjects/a%2Fb/versions?normalize=true")
    assert reply is not None
    assert reply.json() == {"path": ["subjects", "a/b", "versions"], "query": {"normalize": "true"}, "body": ""}


def test_compressed_bodies_are_unpacked(address: str) -> None:
    reply = fetch("POST", address, gzip.compress(b"hello"), {"Content-Encoding": "gzip"})
    assert reply is not None and reply.json()["body"] == "hello"


def test_a_broken_body_is_the_callers_fault(address: str) -> None:
    reply = fetch("POST", address, b"not gzip", {"Content-Encoding": "gzip"})
    assert reply is not None and reply.status == 400


def test_a_handlers_value_error_is_a_400(address: str) -> None:
    reply = fetch("GET", f"{address}/wrong")
    assert reply is not None and (reply.status, reply.json()["message"]) == (400, "so wrong")


def test_nobody_there_is_no_reply() -> None:
    assert fetch("GET", "http://127.0.0.1:9", limit=1) is None
