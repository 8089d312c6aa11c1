"""The JSON file of a run: one record for each check of each call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import write_file
from ..run.outcome import Record
from .tally import Tally


def write_json(path: Path, tally: Tally, settings: dict[str, Any]) -> None:
    """Write all records as one document. Raises OSError, as `write_file` does."""
    text = json.dumps({"reference_impl": __version__, **settings, "records": []}, indent=1)
    if tally.records:
        records = ",\n".join(map(_written, tally.records))
        text = f"{text.removesuffix(_NO_RECORDS)}[\n{records}\n ]\n}}"
    write_file(path, (text + "\n").encode())


_NO_RECORDS = "[]\n}"
# The encoder of `indent` is written in Python, and a full run has half a million records.
_encoded = json.JSONEncoder(separators=(",\n   ", ": ")).encode


def _written(record: Record) -> str:
    """The record as `json.dumps` would indent it in the document."""
    return f"  {{\n   {_encoded(vars(record))[1:-1]}\n  }}"
