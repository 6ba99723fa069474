"""JSON Schemas of Kubernetes' own objects, for kubeconform: made from the OpenAPI document that the release carries.

As strict as an API server with strict field validation: what a type does not declare is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from fleetgen.runtime.lab import once

RELEASE = "v1.36.3"
LAYOUT = "{{.ResourceKind}}{{.KindSuffix}}.json"
_SHARED = "definitions.json"
# Declared as plain strings, but numbers are taken too.
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def schema_location() -> str:
    """What `kubeconform -schema-location` takes."""
    return str(once(f"kubernetes-schemas-{RELEASE}", _make) / LAYOUT)


def _make(folder: Path) -> None:
    definitions = json.loads(_openapi().read_text())["definitions"]
    shared = {name: _strict(schema) for name, schema in definitions.items()}
    shared[_QUANTITY] = {"type": ["string", "number"]}
    (folder / _SHARED).write_text(json.dumps({"definitions": shared}))
    for name, schema in definitions.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:
            path, content = _of_kind(shared[name], **kinds[0])
            (folder / path).write_text(json.dumps(content))


def _openapi() -> Path:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{RELEASE}"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600)
    return Path(json.loads(done.stdout)["Dir"]) / "api" / "openapi-spec" / "swagger.json"


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        return {"$ref": f"{_SHARED}#/definitions/{reference.rpartition('/')[2]}"}
    if schema.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {**closed, **{key: _strict(value) for key, value in schema.items()}}


def _of_kind(schema: dict[str, Any], group: str, version: str, kind: str) -> tuple[str, dict[str, Any]]:
    named = {"apiVersion": {"enum": [f"{group}/{version}" if group else version]}, "kind": {"enum": [kind]}}
    suffix = f"-{group.partition('.')[0]}" if group else ""
    properties = {**schema.get("properties", {}), **named}
    required = sorted({*schema.get("required", ()), "apiVersion", "kind"})
    return f"{kind.lower()}{suffix}-{version}.json", {**schema, "properties": properties, "required": required}
