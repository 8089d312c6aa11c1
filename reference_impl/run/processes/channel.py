"""Messages between two processes: JSON with its length before it, so that a process reads one and no more."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

_LENGTH = struct.Struct("<I")
_MOST = 1 << 26


class Closed(Exception):
    """The other process has closed the channel, or what it wrote is no message."""


class Late(Exception):
    """No message came in time."""


def send(descriptor: int, message: Any) -> None:
    """Write one message. Raises OSError if nobody reads any more."""
    text = json.dumps(message).encode()
    data = memoryview(_LENGTH.pack(len(text)) + text)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int, seconds: float | None = None) -> Any:
    """Read one message, and nothing of the next. Raises Late or Closed."""
    until = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_exactly(descriptor, _LENGTH.size, until))
    if length > _MOST:
        raise Closed
    try:
        return json.loads(_exactly(descriptor, length, until))
    except ValueError as error:
        raise Closed from error


def _exactly(descriptor: int, size: int, until: float | None) -> bytes:
    data = b""
    while len(data) < size:
        if until is not None:
            left = max(until - time.monotonic(), 0)
            if not select.select([descriptor], [], [], left)[0]:
                raise Late
        more = os.read(descriptor, size - len(data))
        if not more:
            raise Closed
        data += more
    return data
