"""A monorepo whose services are a page of standard library each: enough for the runtime, which reads only facts."""

from __future__ import annotations

import json
from pathlib import Path

from fleetgen.facts.schema import (
    ChassisFact,
    LimitsFact,
    Name,
    PeerFact,
    ServiceFacts,
    TopicFact,
)  # fmt: skip

# It answers /readyz after its database and its broker's port did; `/environment` and `/exit` are for tests.
SERVICE = """
import json, os, signal, socket, sys, threading, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

print(json.dumps({"message": "begins", "service": os.environ["AUTH_CLIENT_ID"]}), flush=True)
if os.environ.get("BROKEN"):
    sys.exit("broken on purpose")

def reach(host, port):
    socket.create_connection((host, int(port)), timeout=2).close()

database = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
reach(database.hostname, database.port)
reach(*os.environ["KAFKA_BOOTSTRAP"].split(":"))

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            os._exit(3)
        body = json.dumps(dict(os.environ)).encode() if self.path == "/environment" else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
for name in ("HTTP_PORT", "ADMIN_PORT"):
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ[name])), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"message": "serves"}), flush=True)
threading.Event().wait()
"""


def name(text: str) -> Name:
    """A one-word name in all its cases."""
    return Name(text=text, snake=text, kebab=text, camel=text, pascal=text.capitalize())


def facts(service: str, fleet: str = "toy", peers: tuple[str, ...] = ()) -> ServiceFacts:
    """A service without messages."""
    return ServiceFacts(
        facts="1.0", fleet=fleet, organisation="com.example.toy", name=name(service), package=f"{fleet}_{service}",
        title=service, purpose="", context=service, subdomain="core", team="all", stack="python",
        chassis=ChassisFact(language="python", least="0.1.0"), source=f"/fleet/{fleet}/{service}", exposure="public",
        stores={"primary": "postgresql"}, api=("rest",), values=(), aggregates=(), commands=(), queries=(), events=(),
        foreign_events=(), foreign_commands=(), policies=(), schedules=(), subscriptions=(),
        topics=(TopicFact(name=f"{fleet}.{service}.thing.events", partitions=3, replicas=3, retention=604800.0),),
        command_topic=f"{fleet}.{service}.commands", reply_topic=f"{fleet}.{service}.replies", sagas=(),
        peers=tuple(PeerFact(name=name(peer), commands=()) for peer in peers),
        limits=LimitsFact(
            breaker_failures=5, breaker_open=30, timeout_internal=5, timeout_external=30, retry_attempts=3,
            bulkhead_concurrent=32, bulkhead_queued=64, rate_limit_per_minute=1000, dead_letter_attempts=8,
        ),
        sampling=1.0, redact=(), replacements=(),
    )  # fmt: skip


def write_fleet(root: Path, *services: ServiceFacts) -> Path:
    """A monorepo of fake services below `root`."""
    for service in services:
        package = root / "services" / service.name.kebab / "src" / service.package
        (package / "gen").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "main.py").write_text(SERVICE)
        (package / "gen" / "facts.json").write_text(json.dumps(service.model_dump(mode="json")))
    chassis = root / "libs" / "chassis-python"
    (chassis / "src").mkdir(parents=True)
    (chassis / "requirements.lock").write_text("# nothing but the standard library\n")
    return root
