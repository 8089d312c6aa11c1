"""The JSON file of a run: one record for each check of each call."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import write_file
from .tally import Tally


def write_json(path: Path, tally: Tally, settings: dict[str, Any]) -> None:
    """Write all records as one document. Raises OSError, as `write_file` does."""
    document = {"reference_impl": __version__, **settings, "records": [asdict(record) for record in tally.records]}
    write_file(path, (json.dumps(document, indent=1) + "\n").encode())
