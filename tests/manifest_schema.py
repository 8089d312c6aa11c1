"""The schema that the manifest of golden vectors is published with, as jsonschema reads it."""

from __future__ import annotations

import json
from importlib import resources

from jsonschema import Draft202012Validator

SCHEMA = json.loads(resources.files("reference_impl.vectors").joinpath("manifest.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
