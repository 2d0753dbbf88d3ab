"""Ctrl-C and SIGTERM: what was begun is finished."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Event]:
    """Let the first Ctrl-C set an event, and the next one raise KeyboardInterrupt."""
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGINT, before)
        stop.set()
        say("Interrupted: what is being read is finished. Ctrl-C once more stops at once.")

    if before is signal.default_int_handler:  # it is ignored where a shell runs in the background
        signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ended_by_sigterm(stop: Event, say: Callable[[str], None]) -> Iterator[Event]:
    """Let SIGTERM, by which services are ended, set `stop` and the event that this gives.

    The next one ends the process at once.
    """
    asked = Event()
    before = signal.getsignal(signal.SIGTERM)

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGTERM, before)
        asked.set()
        stop.set()
        say("Asked to end: what is being read is finished.")

    signal.signal(signal.SIGTERM, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
