"""Where the process starts and ends: streams, signals, and what nobody foresaw."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run a command; what a person could not foresee is one line, never a traceback."""
    # Commands are short and build trees without cycles: collecting them again and again would cost more with every
    # further service.
    gc.set_threshold(200_000, 50, 1000)
    with_handler = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if with_handler:  # while modules load there is nothing to take back, and nothing to say
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from fleetgen.cli import streams  # noqa: PLC0415
    from fleetgen.cli.app import app  # noqa: PLC0415
    from fleetgen.cli.console import Exit, say  # noqa: PLC0415

    streams.settle()
    _end_in_order(interrupt=with_handler)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        say(f"error: {what}", "red")
        sys.exit(Exit.FAILURE)
    except Exception as error:
        if os.environ.get("FLEETGEN_TRACEBACK"):
            raise
        said = " ".join(str(error).split()) or "no more is known"
        say(f"error: fleetgen itself failed: {type(error).__name__}: {said}", "red")
        say("hint: this should not happen; FLEETGEN_TRACEBACK=1 shows where it did, please report it", "cyan")
        sys.exit(Exit.FAILURE)


def _end_in_order(*, interrupt: bool) -> None:
    """Let a polite signal unwind the stack, so that what was begun is taken back; what the caller ignores stays so."""
    if interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
