import json
from pathlib import Path
from typing import Any

import pytest

from fleetgen.runtime.servers.registry import Registry
from fleetgen.runtime.servers.web import Request

V1 = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}
V2 = {**V1, "fields": [*V1["fields"], {"name": "note", "type": ["null", "string"], "default": None}]}  # type: ignore[misc]
BROKEN = {**V1, "fields": [*V1["fields"], {"name": "total", "type": "long"}]}  # type: ignore[misc]


class Client:
    def __init__(self, file: Path) -> None:
        self.registry = Registry(file)

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        parts = tuple(part for part in path.split("/") if part)
        answer = self.registry.handle(Request(method, parts, query, {}, json.dumps(body).encode()))
        return answer.status, json.loads(answer.body)

    def register(self, subject: str, schema: Any) -> tuple[int, Any]:
        return self("POST", f"subjects/{subject}/versions", {"schema": json.dumps(schema)})


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "schemas.json")


def test_a_schema_registered_twice_keeps_its_id_and_version(client: Client) -> None:
    assert client.register("order", V1) == (200, {"id": 1})
    assert client.register("order", V1) == (200, {"id": 1})
    assert client("GET", "subjects/order/versions") == (200, [1])


def test_equal_schemas_of_two_subjects_share_an_id(client: Client) -> None:
    assert client.register("order", V1) == client.register("order-copy", V1)
    assert client("GET", "schemas/ids/1/subjects") == (200, ["order", "order-copy"])


def test_a_schema_that_cannot_read_old_data_is_refused(client: Client) -> None:
    client.register("order", V1)
    status, answer = client.register("order", BROKEN)
    assert (status, answer["error_code"]) == (409, 409)
    assert "total" in answer["message"]
    assert client("GET", "subjects/order/versions") == (200, [1])


@pytest.mark.parametrize(("level", "status"), [("BACKWARD", 200), ("BACKWARD_TRANSITIVE", 409), ("NONE", 200)])
def test_transitive_levels_look_at_all_versions_and_others_at_the_last(client: Client, level: str, status: int) -> None:
    nothing: dict[str, Any] = {**V1, "fields": []}
    number: dict[str, Any] = {**V1, "fields": [{"name": "id", "type": "long", "default": 0}]}
    client("PUT", "config", {"compatibility": level})
    assert client.register("order", V1)[0] == 200
    assert client.register("order", nothing)[0] == 200
    assert client.register("order", number)[0] == status


def test_forward_means_that_old_readers_can_go_on(client: Client) -> None:
    client.register("order", V1)
    client("PUT", "config/order", {"compatibility": "FORWARD"})
    assert client.register("order", {**V1, "fields": []})[0] == 409
    assert client.register("order", BROKEN)[0] == 200
    assert client("PUT", "config/order", {"compatibility": "SIDEWAYS"})[1]["error_code"] == 42203


def test_compatibility_says_why_when_asked(client: Client) -> None:
    client.register("order", V1)
    body = {"schema": json.dumps(BROKEN)}
    status, answer = client("POST", "compatibility/subjects/order/versions/latest", body, verbose="true")
    assert status == 200
    assert answer["is_compatible"] is False
    assert "total" in answer["messages"][0]
    assert client("POST", "compatibility/subjects/order/versions/latest", {"schema": json.dumps(V2)})[1] == {
        "is_compatible": True
    }


def test_versions_are_found_by_number_latest_and_content(client: Client) -> None:
    client.register("order", V1)
    client.register("order", V2)
    assert client("GET", "subjects/order/versions/latest")[1]["version"] == 2
    assert client("GET", "subjects/order/versions/1/schema") == (200, V1)
    assert client("POST", "subjects/order", {"schema": json.dumps(V2)})[1]["version"] == 2
    assert client("GET", "schemas/ids/2")[1] == {"schema": json.dumps(V2, separators=(",", ":"))}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "subjects/none/versions", 40401),
        ("GET", "subjects/order/versions/9", 40402),
        ("GET", "subjects/order/versions/x", 42202),
        ("GET", "schemas/ids/9", 40403),
        ("GET", "config/order", 40408),
        ("GET", "nowhere", 404),
    ],
)
def test_what_is_not_there_has_the_codes_clients_know(client: Client, method: str, path: str, code: int) -> None:
    client.register("order", V1)
    status, answer = client(method, path)
    assert answer["error_code"] == code
    assert status == int(str(code)[:3])


def test_a_text_that_is_no_schema_is_refused(client: Client) -> None:
    assert client("POST", "subjects/order/versions", {"schema": '{"type": "recrd"}'})[1]["error_code"] == 42201
    assert client("POST", "subjects/order/versions", {})[1]["error_code"] == 42201


def test_other_types_are_kept_as_they_come(client: Client) -> None:
    body = {"schema": '{"type":"object"}', "schemaType": "JSON"}
    assert client("POST", "subjects/order/versions", body) == (200, {"id": 1})
    assert client("GET", "schemas/ids/1") == (200, body)


def test_protobuf_is_compared_by_its_own_rules(client: Client) -> None:
    def body(fields: str) -> dict[str, str]:
        return {"schema": f'syntax = "proto3";\npackage shop;\nmessage Order {{ {fields} }}', "schemaType": "PROTOBUF"}

    path = "subjects/order/versions"
    assert client("POST", path, body("string id = 1;")) == (200, {"id": 1})
    assert client("POST", path, body("string id = 1; optional string note = 2;")) == (200, {"id": 2})
    status, answer = client("POST", path, body("string id = 1; optional string note = 3;"))
    assert (status, answer["message"].endswith("`note` moved from number 2 to 3")) == (409, True)
    assert client("POST", path, body("string id = 1"))[1]["error_code"] == 42201
    assert client("GET", "schemas/ids/1/schema") == (200, body("string id = 1;")["schema"])


def test_a_deleted_version_is_gone_and_its_number_is_not_used_again(client: Client) -> None:
    client.register("order", V1)
    client.register("order", V2)
    assert client("DELETE", "subjects/order/versions/2") == (200, 2)
    assert client("GET", "subjects/order/versions") == (200, [1])
    assert client.register("order", V2)[0] == 200
    assert client("GET", "subjects/order/versions") == (200, [1, 3])
    assert client("DELETE", "subjects/order") == (200, [1, 3])
    assert client("GET", "subjects") == (200, [])


def test_all_is_there_after_a_restart(client: Client, tmp_path: Path) -> None:
    client.register("order", V1)
    client("PUT", "config/order", {"compatibility": "NONE"})
    again = Client(tmp_path / "schemas.json")
    assert again("GET", "subjects/order/versions/latest") == client("GET", "subjects/order/versions/latest")
    assert again("GET", "config/order") == (200, {"compatibilityLevel": "NONE"})
