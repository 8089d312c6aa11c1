"""The known wrong convolutions: each is told in a sentence, is unlike the others, and is seen."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from typer.testing import CliRunner

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.mistakes import EQUIVALENTS, FAMILIES, MISTAKES, RIGHT, NoAnswer, by_name, equivalents
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.selection import in_dtypes
from reference_impl.run.subject import Subject
from reference_impl.scoring import command, measure, smoke
from reference_impl.scoring.example import KINDS, TINY, WAYS, observed, tiny_call
from reference_impl.scoring.page import page
from reference_impl.scoring.smoke import asks_little
from reference_impl.verdicts.integers import integer_call

SMOKE = catalogue.load("smoke")
GENERAL = catalogue.load("curated")[:8]


def named(mistakes):
    return pytest.mark.parametrize("mistake", mistakes, ids=lambda mistake: mistake.name)


def test_catalogue_is_not_small():
    assert len(MISTAKES) >= 80
    assert {mistake.family for mistake in MISTAKES} == set(FAMILIES)


def test_names_are_unique():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


@named(MISTAKES)
def test_mistake_is_told(mistake):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", mistake.name)
    assert re.fullmatch(r"[A-Z].*[^.]\.", mistake.sentence)
    assert mistake.sentence.count(". ") == 0
    assert mistake.operations
    assert set(mistake.operations) <= set(OPERATIONS)
    assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/\S+", link) for link in mistake.links)


# In one of its operations, by turns; in all of them with `--hypothesis-profile nightly`.
@named(MISTAKES)
def test_smoke_set_sees(mistake):
    turn = MISTAKES.index(mistake) % len(mistake.operations)
    asked = mistake.operations if settings().max_examples >= 1000 else mistake.operations[turn:][:1]
    assert [operation for operation in asked if not measure.first_seen(mistake, operation, SMOKE)] == []


@named([mistake for mistake in MISTAKES if not re.search("group|dilat|multiplier", mistake.name)])
def test_smoke_set_sees_in_kernels_that_take_little(mistake):
    """Which refuse groups and dilations, and so show nothing there."""
    operation = mistake.operations[0]
    assert measure.first_seen(mistake, operation, filter(asks_little, SMOKE))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", SMOKE, ids=str)
def test_suite_passes_what_makes_no_mistake(case, operation):
    records = judge(Subject.of(RIGHT.backend()), case, operation)
    assert {record.outcome for record in records} == {outcome.PASS}


@named([mistake for mistake in MISTAKES if len(mistake.operations) < len(OPERATIONS)])
def test_mistake_answers_other_operations_rightly(mistake):
    for operation in set(OPERATIONS) - set(mistake.operations):
        assert not measure.seen_by(mistake, operation, GENERAL[0])


# Tiny cases with all kinds of numbers, stored in all ways.
TRIES = [*product(TINY[:2], KINDS, WAYS), *product(TINY[2:8], [""], [""])]


def signature(mistake, call):
    """What a mistake answers, to the bit."""
    try:
        return bits(call.with_arrays(np.copy).run(mistake.backend()))
    except NoAnswer:
        return None


def conduct(mistake, call, way):
    """What shows of a mistake on a call, to the bit."""
    return tuple((what, *bits(shown)) for what, shown in observed(mistake, call, WAYS[way]))


def bits(shown):
    array = np.asarray(shown)
    return array.shape, array.dtype, array.tobytes()


def split(groups, key):
    """The groups with two members or more, once those with different keys are parted."""
    parted = []
    for group in groups:
        by_key = defaultdict(list)
        for member in group:
            by_key[key(member)].append(member)
        parted += [members for members in by_key.values() if len(members) > 1]
    return parted


# What the smoke set need not tell apart: kernels that go on, or stop, at some number of channels.
WIDE = [Case.parse("n1_h4w3c2_k3x3o700"), Case.parse("n2_h40w41c1_k2x2o1")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_mistakes_that_are_alike_are_the_equivalents(operation):
    groups = [[mistake for mistake in MISTAKES if operation in mistake.operations]]
    for case in in_dtypes([*GENERAL, *SMOKE, *WIDE], ("float32", "int32", "float64")):
        call = integer_call(case, operation, 0)
        groups = split(groups, lambda mistake, call=call: signature(mistake, call))
    for case, kind, way in TRIES:
        call = tiny_call(case, operation, kind)
        groups = split(groups, lambda mistake, call=call, way=way: conduct(mistake, call, way))
    assert {frozenset(mistake.name for mistake in group) for group in groups} == set(EQUIVALENTS.get(operation, ()))


def test_mistake_without_equivalents_is_its_own():
    assert equivalents("kernel-flipped", "conv2d") == {"kernel-flipped"}


def test_by_name_names_the_nearest():
    with pytest.raises(ValueError, match="not 'kernel-fliped', which is like kernel-flipped"):
        by_name("kernel-fliped")


def test_cover_drops_what_is_superfluous():
    few, both, other = (Case.parse(f"n1_h{size}w9c1_k1x1o1") for size in (3, 4, 5))
    seen = {few: {("a", "")}, both: {("a", ""), ("b", "")}, other: {("c", "")}}
    assert smoke.without_superfluous({case: frozenset(sights) for case, sights in seen.items()}) == {both, other}


def test_page_is_current():
    written = Path(__file__).parents[2] / "docs" / "mistakes.md"
    assert written.read_text("utf-8") == page()


def run(*words):
    return CliRunner().invoke(app, ["mistakes", *words], env={"COLUMNS": "200"})


def test_command_prints_the_score_of_each_family(monkeypatch):
    monkeypatch.setattr(command, "MISTAKES", [by_name("kernel-flipped"), by_name("answers-lists")])
    result = run("--all")
    assert result.exit_code == 0, result.output
    assert "2 of 2 mistakes seen, 100.0%" in result.output
    assert re.search(r"behaviour +answers-lists +100% +1 +1 +1 +1", result.output)


def test_command_fails_when_a_mistake_is_not_seen(monkeypatch):
    monkeypatch.setattr(command, "MISTAKES", [replace(RIGHT, name="no-mistake", family="sums", operations=("conv2d",))])
    result = run()
    assert result.exit_code == 1
    assert "not seen: no-mistake" in result.output


def test_command_lists_the_cases_that_see_a_mistake():
    result = run("--cases", "no-channels-in-none-out")
    assert "conv2d n2_h5w6c0_k3x2o4\n" in result.output
    assert all("c0_" in line for line in result.output.splitlines())


def test_command_refuses_an_unknown_name():
    assert run("--cases", "kernel-fliped").exit_code == 2
