"""The suite sees every known mistake; the smoke set, the page and the command show it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.mistakes import MISTAKES, NO_MISTAKE, by_name
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.scoring import command, measure, smoke
from reference_impl.scoring.page import page

SMOKE = catalogue.load("smoke")
GENERAL = catalogue.load("curated")[0]


def named(mistakes):
    return pytest.mark.parametrize("mistake", mistakes, ids=lambda mistake: mistake.name)


# Each mistake in one of its operations, by turns; in all of them with `--hypothesis-profile nightly`.
@named(MISTAKES)
def test_smoke_set_sees(mistake):
    turn = MISTAKES.index(mistake) % len(mistake.operations)
    asked = mistake.operations if settings().max_examples >= 1000 else mistake.operations[turn:][:1]
    assert [operation for operation in asked if not measure.is_seen(mistake, operation, SMOKE)] == []


@named([mistake for mistake in MISTAKES if not re.search("group|dilat|multiplier", mistake.name)])
def test_smoke_set_sees_without_groups_and_dilations(mistake):
    """Many kernels refuse groups and dilations, so the other cases show nothing of them."""
    cases = list(filter(smoke.neither_grouped_nor_dilated, SMOKE))
    assert measure.is_seen(mistake, mistake.operations[0], cases)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", SMOKE, ids=str)
def test_suite_passes_a_right_backend(case, operation):
    records = judge(Subject.of(NO_MISTAKE.backend()), case, operation)
    assert {record.outcome for record in records} == {outcome.PASS}


@named([mistake for mistake in MISTAKES if len(mistake.operations) < len(OPERATIONS)])
def test_mistake_answers_other_operations_rightly(mistake):
    for operation in set(OPERATIONS) - set(mistake.operations):
        assert not measure.seen_by(mistake, operation, GENERAL)


def test_cover_drops_what_is_superfluous():
    few, both, other = (Case.parse(f"n1_h{size}w9c1_k1x1o1") for size in (3, 4, 5))
    seen = {few: {("a", "")}, both: {("a", ""), ("b", "")}, other: {("c", "")}}
    assert smoke.without_superfluous({case: frozenset(sights) for case, sights in seen.items()}) == {both, other}


def test_page_is_current():
    written = Path(__file__).parents[2] / "docs" / "mistakes.md"
    assert written.read_text("utf-8") == page()


def run(*words):
    return CliRunner().invoke(app, ["mistakes", *words], env={"COLUMNS": "200"})


@pytest.fixture
def few_cases(monkeypatch):
    """Two cases in the place of each catalogue, and of the generated ones."""
    cases = [GENERAL, Case.parse("n2_h5w6c0_k3x2o4")]
    for name in ("_curated", "_generated"):
        monkeypatch.setattr(measure, name, lambda number: cases)
    monkeypatch.setattr(measure, "suite", lambda: cases)
    monkeypatch.setattr(measure.catalogue, "load", lambda name: cases)


def test_command_prints_the_score_of_each_family(monkeypatch):
    monkeypatch.setattr(command, "MISTAKES", [by_name("kernel-flipped"), by_name("answers-lists")])
    result = run("--all")
    assert result.exit_code == 0, result.output
    assert "2 of 2 mistakes seen, 100.0%" in result.output
    assert re.search(r"behaviour +answers-lists +100% +1 +1 +1 +1", result.output)


@pytest.mark.usefixtures("few_cases")
def test_command_fails_when_a_mistake_is_not_seen(monkeypatch):
    monkeypatch.setattr(
        command, "MISTAKES", [replace(NO_MISTAKE, name="no-mistake", family="sums", operations=("conv2d",))]
    )
    result = run()
    assert result.exit_code == 1
    assert "not seen: no-mistake" in result.output


@pytest.mark.usefixtures("few_cases")
def test_command_lists_the_cases_that_see_a_mistake():
    result = run("--cases", "no-channels-in-none-out")
    assert "conv2d n2_h5w6c0_k3x2o4\n" in result.output
    assert all("c0_" in line for line in result.output.splitlines())


def test_command_refuses_an_unknown_name():
    assert run("--cases", "kernel-fliped").exit_code == 2
