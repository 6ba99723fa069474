"""The process of the small servers: `python -m fleetgen.runtime.servers SETTINGS_FILE`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from fleetgen.runtime.servers.issuer import Client, Issuer
from fleetgen.runtime.servers.otlp import OtlpReceiver
from fleetgen.runtime.servers.registry import Registry
from fleetgen.runtime.servers.web import serve


def main(file: Path) -> None:
    """Serve until a signal asks to end."""
    wishes = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wishes)
    settings = json.loads(file.read_text())
    ports, home = settings["ports"], file.parent
    clients = {name: Client(item["secret"], tuple(item["scopes"])) for name, item in settings["clients"].items()}
    issuer = Issuer(settings["issuer"], settings["audience"], clients, settings["mint_secret"])
    handlers = {
        "registry": Registry(home / "schemas.json", Path(settings["released"])).handle,
        "otlp": OtlpReceiver(home / "spans.jsonl").handle,
        "issuer": issuer.handle,
    }
    for name, handler in handlers.items():
        server = serve(handler, ports[name])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 5}, name=name, daemon=True).start()
    signal.sigwait(wishes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
