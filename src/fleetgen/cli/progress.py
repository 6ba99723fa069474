"""What happens while a fleet starts and runs, told in lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleetgen.cli.console import say
from fleetgen.runtime import events


def tell(event: events.Event) -> None:
    """Print one event of the runtime."""
    teller = _TELLERS.get(type(event))
    if teller is not None:
        teller(event)


def _ready(event: events.Ready) -> None:
    say(f"ready    {event.name:<16} {event.address}  {event.seconds:.1f} s")


def _crashed(event: events.Crashed) -> None:
    say(f"crashed  {event.name} with {event.code}; it starts again in {event.again_in:.0f} s", "red")
    for line in event.last_lines:
        say(f"  {line}", "dim")


def _all_ready(event: events.FleetReady) -> None:
    say(f"the fleet is ready: servers {event.servers:.1f} s, services {event.services:.1f} s", "green")


_TELLERS: dict[type[Any], Callable[[Any], None]] = {
    events.Note: lambda event: say(event.text, "dim"),
    events.Preparing: lambda event: say(f"prepare  {event.what}", "dim"),
    events.Waiting: lambda event: say(f"wait     {', '.join(event.names)} ({event.seconds:.0f} s)", "dim"),
    events.Ready: _ready,
    events.Crashed: _crashed,
    events.Reloading: lambda event: say(f"reload   {event.name}: {', '.join(event.files)}", "cyan"),
    events.Stopped: lambda event: say(f"stopped  {event.name}", "dim"),
    events.FleetReady: _all_ready,
}
