"""Numbers on the pages that the code decides: each page must say the number that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.generation import generate
from reference_impl.operations import OPERATIONS
from reference_impl.run.selection import EXAMPLES
from reference_impl.run.spread import DEFAULT_DTYPES
from reference_impl.vectors import onnx_files
from reference_impl.verdicts.invalid_calls import INVALID_CALLS

ROOT = Path(__file__).parents[2]
INVALID = sum(len(call.operations) for call in INVALID_CALLS)
CATALOGUED = [case for name in ("curated", "regressions") for case in catalogue.load(name)]
SMALL = len({*CATALOGUED, *generate(EXAMPLES, 0)})
DEFAULT = len(DEFAULT_DTYPES) * SMALL + len(catalogue.load("networks"))


@pytest.mark.parametrize(
    ("page", "says", "number"),
    [
        ("README.md", r"of (\d+) invalid calls", INVALID),
        ("docs/verdicts.md", r"(\d+) calls that are no convolution", INVALID),
        ("docs/frameworks.md", r"of (\d+), OpenVINO", INVALID),
        ("README.md", r"measured on the ([\d,]+) cases", f"{DEFAULT:,}"),
        ("docs/verdicts.md", r"curated and regression cases: (\d+) a dtype", len(CATALOGUED)),
    ],
)
def test_page_says_the_number_that_the_code_has(page, says, number):
    assert re.findall(says, (ROOT / page).read_text()) == [str(number)]


def test_readme_counts_the_ways_to_call_the_frameworks():
    table, *_ = (ROOT / "README.md").read_text().split("A number counts the calls")
    ways = re.findall(r"^    (?:tensorflow|torch)(?::\w+)? ", table, re.M)
    assert f"{len(ways)} ways to call them" in " ".join(table.split())


def test_page_counts_the_vectors_that_onnx_can_express():
    # Float dtypes have two vectors for each call: integers, and real data.
    calls = [case for case in CATALOGUED for operation in OPERATIONS if onnx_files.lack(operation, case) is None]
    assert f"answers all {2 * len(calls)} vectors rightly" in (ROOT / "docs/vectors.md").read_text()
