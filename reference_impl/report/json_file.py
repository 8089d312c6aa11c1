"""The JSON file of a run: one record for each check of each call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import write_file
from ..run.outcome import FIELDS, Record
from .tally import Tally


def write_json(path: Path, tally: Tally, settings: dict[str, Any]) -> None:
    """Write all records as one document, piece by piece. Raises OSError, as `write_file` does."""
    write_file(path, _pieces(tally.records, settings))


def _pieces(records: list[Record], settings: dict[str, Any]) -> Iterator[bytes]:
    head = json.dumps({"reference_impl": __version__, **settings, "records": []}, indent=1)
    if not records:
        yield f"{head}\n".encode()
        return
    yield f"{head.removesuffix(_NO_RECORDS)}[\n".encode()
    for start in range(0, len(records), _AT_ONCE):
        written = ",\n".join(map(_written, records[start : start + _AT_ONCE]))
        yield (",\n" if start else "").encode() + written.encode()
    yield b"\n ]\n}\n"


_NO_RECORDS = "[]\n}"
_AT_ONCE = 1000  # the text of a full run would fill hundreds of MiB
# The encoder of `indent` is written in Python, and a full run has half a million records.
_encoded = json.JSONEncoder(separators=(",\n   ", ": ")).encode


def _written(record: Record) -> str:
    """The record as `json.dumps` would indent it in the document."""
    return f"  {{\n   {_encoded(dict(zip(FIELDS, record.values, strict=True)))[1:-1]}\n  }}"
