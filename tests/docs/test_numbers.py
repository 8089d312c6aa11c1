"""Numbers on the pages that the code decides: each page must say the number that the code has.

What was measured is not held here: it stays as it was measured.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_impl.verdicts.invalid_calls import INVALID_CALLS

ROOT = Path(__file__).parents[2]
INVALID = sum(len(call.operations) for call in INVALID_CALLS)


@pytest.mark.parametrize(
    ("page", "says", "number"),
    [
        ("README.md", r"of (\d+) invalid calls", INVALID),
        ("docs/verdicts.md", r"(\d+) calls that are no convolution", INVALID),
        ("docs/frameworks.md", r"of (\d+), OpenVINO", INVALID),
    ],
)
def test_page_says_the_number_that_the_code_has(page, says, number):
    assert re.findall(says, (ROOT / page).read_text()) == [str(number)]


def test_readme_counts_the_ways_to_call_the_frameworks():
    table, *_ = (ROOT / "README.md").read_text().split("A number counts the calls")
    ways = re.findall(r"^    (?:tensorflow|torch)(?::\w+)? ", table, re.M)
    assert f"{len(ways)} ways to call them" in " ".join(table.split())
