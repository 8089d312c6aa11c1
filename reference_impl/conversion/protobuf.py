"""The wire format of protobuf: a message as a dictionary from a field's number to its values.

It is so small that no package is needed to read a model: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

Value = int | bytes
Message = dict[int, list[Value]]

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def message(data: bytes) -> Message:
    """Read a message. Numbers of 4 and 8 bytes are left as bytes.

    Raises
    ------
    ValueError
        If it is cut off, or no message.
    """
    found: Message = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        value: Value
        if kind == _VARINT:
            value, at = _varint(data, at)
        else:
            if kind == _BYTES:
                size, at = _varint(data, at)
            elif kind in (_FOUR_BYTES, _EIGHT_BYTES):
                size = 4 if kind == _FOUR_BYTES else 8
            else:
                raise ValueError(f"byte {at} must begin a field of a known kind; its kind is {kind}")
            if at + size > len(data):
                raise ValueError(f"{size} bytes must follow byte {at}; there are {len(data) - at}")
            value, at = data[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def integers(values: Iterable[Value]) -> list[int]:
    """Return repeated integers, packed or not, with their signs."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            one, at = _varint(value, at)
            found.append(one)
    return [value - (1 << 64) if value >= 1 << 63 else value for value in found]


def floats(values: Iterable[Value], kind: str = "f") -> list[float]:
    """Return repeated floats ("f") or doubles ("d"), packed or not."""
    joined = b"".join(value for value in values if isinstance(value, bytes))
    return list(struct.unpack(f"<{len(joined) // struct.calcsize(kind)}{kind}", joined))


def text(values: Iterable[Value]) -> str:
    """Return the last string of a field, or an empty one."""
    found = [value for value in values if isinstance(value, bytes)]
    return found[-1].decode("utf-8", "replace") if found else ""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("a number must end before the file does")
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value & (1 << 64) - 1, at
    raise ValueError(f"a number must end within 10 bytes; that at byte {at - 10} does not")
