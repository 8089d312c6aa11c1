"""The JSON file of a run: one record for each check of each call."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import __version__
from .tally import Tally


def write_json(path: Path, tally: Tally, settings: dict[str, Any]) -> None:
    """Write all records as one document. The file is complete or, after an error, as it was."""
    document = {"reference_impl": __version__, **settings, "records": [asdict(record) for record in tally.records]}
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
