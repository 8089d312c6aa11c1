"""The end of a command before its work is done: signals, and errors of our own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def stop_signals() -> AbstractContextManager[None]:
    """Raise Stopped when such a signal comes. A signal that is ignored, as under nohup, stays ignored."""
    return _handled(_stop)


def undisturbed() -> AbstractContextManager[None]:
    """Ignore such signals for a moment, while what was found is written."""
    return _handled(lambda number, frame: None)


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # others cannot set handlers
        yield
        return
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    former = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number in numbers if former[number] not in (signal.SIG_IGN, None)]
    try:
        for number in taken:
            signal.signal(number, handler)
        yield
    finally:
        for number in taken:
            signal.signal(number, former[number])


def _stop(number: int, frame: Any) -> None:
    raise Stopped(number)


def status_of(stopped: KeyboardInterrupt) -> int:
    """The exit status of a command that was stopped: 128 and the signal's number."""
    return 128 + (stopped.number if isinstance(stopped, Stopped) else signal.SIGINT)
