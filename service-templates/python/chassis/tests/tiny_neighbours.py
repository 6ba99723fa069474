"""What a service has around it, on a loopback port of this process: issuer, registry, and collector."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Neighbours:
    """Answers for all of them, and keeps what it was sent."""

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.spans: list[Any] = []
        self.metrics: set[str] = set()
        self.logs: list[Any] = []
        neighbours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(neighbours.get(self.path))

            def do_POST(self) -> None:
                self._answer(neighbours.post(self.path, self.rfile.read(int(self.headers["content-length"]))))

            do_PUT = do_POST

            def _answer(self, content: Any) -> None:
                body = b"" if content is None else json.dumps(content).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, path: str) -> Any:
        if path == "/jwks.json":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return {"keys": [public | {"kid": "k", "use": "sig", "alg": "RS256"}]}
        return {"schema": self.schemas[int(path.rpartition("/")[2]) - 1]}

    def post(self, path: str, body: bytes) -> Any:
        if path.startswith("/subjects/"):
            schema = json.loads(body)["schema"]
            if schema not in self.schemas:
                self.schemas.append(schema)
            return {"id": self.schemas.index(schema) + 1}
        if path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            spans = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
            self.spans += spans
            return None
        if path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(body)
            names = {m.name for r in metrics.resource_metrics for scope in r.scope_metrics for m in scope.metrics}
            self.metrics |= names
            return None
        if path == "/v1/logs":
            logs = ExportLogsServiceRequest.FromString(body)
            self.logs += [one for r in logs.resource_logs for scope in r.scope_logs for one in scope.log_records]
            return None
        return {}

    def token(self, *scopes: str, kind: str = "service", subject: str = "ada") -> str:
        claims = {"iss": self.url, "aud": "tiny", "sub": subject, "exp": int(time.time()) + 600}
        claims |= {"scope": " ".join(scopes), "kind": kind, "env": "development"}
        return "Bearer " + jwt.encode(claims, KEY, "RS256", headers={"kid": "k"})
