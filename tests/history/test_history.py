"""The replay makes calls that the suite makes, and notices when a release behaves differently."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from history.replay import Bug, bugs, judged, objection, row
from reference_impl import __version__
from reference_impl.cases import catalogue
from reference_impl.mistakes import by_name
from reference_impl.verdicts.invalid_calls import BY_NAME

ROOT = Path(__file__).parents[2]
TOX = (ROOT / "tox.ini").read_text("utf-8")
SUITE = {str(case) for name in catalogue.DEFAULT for case in catalogue.load(name)} | set(BY_NAME)
FLIPPED = Bug(
    "planted", "unversioned", "planted:Flipped", "conv2d", "n1_h5w6c1_k3x2o1", "fail", "flips", "", "kernel-flipped"
)


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: f"{bug.environment}-{bug.operation}-{bug.call}")
def test_bug_is_in_the_suite_and_on_the_page(bug):
    assert bug.call in SUITE
    assert bug.mistake is None or bug.operation in by_name(bug.mistake).operations
    assert re.search(rf"^\[testenv:history-.*\b{bug.environment}\b", TOX, re.MULTILINE)
    assert f"=={bug.version}\n" in TOX
    assert bug.fixed is None or f"{bug.environment}-fixed: " in TOX
    page = (ROOT / "docs" / "history.md").read_text("utf-8")
    assert f"| {bug.framework} {bug.version} | [{bug.does}]({bug.link}) | `{bug.operation}` `{bug.call}` |" in page


def test_bug_is_found_and_named(tests_importable):
    record = judged(FLIPPED)
    assert objection(FLIPPED, record) is None
    assert row(FLIPPED, record).endswith("| fail | `kernel-flipped` |")
    assert objection(replace(FLIPPED, mistake="stride-forgotten"), record).startswith("the diagnosis must name")
    assert objection(replace(FLIPPED, version="1.0"), record) == "the release must be 1.0, not unversioned"


def test_fixed_bug_is_noticed():
    fixed = replace(FLIPPED, backend="reference", version=__version__, fixed=__version__)
    record = judged(fixed)
    assert objection(fixed, record) == "the outcome must be fail, not pass: None"
    assert objection(fixed, record, fixed=True) is None


@pytest.fixture
def tests_importable(monkeypatch, request):
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
