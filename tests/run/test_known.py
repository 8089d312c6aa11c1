"""A known failure is expected, strictly: nothing else is excused, and a fix turns red."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from planted import Flipped, Right

from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities
from reference_impl.run import known, outcome
from reference_impl.run.judge import judge
from reference_impl.run.known import mark_expected
from reference_impl.run.known_failure import KnownFailure
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3")


def judged(subject, *arguments, **options):
    """The records of a call, with what was expected marked."""
    return list(mark_expected(judge(subject, *arguments, **options), subject))


def adapter(kind):
    """The backend as an adapter of ours would be: these alone have known failures."""
    return Subject.of(kind(), kind.name)


def outcomes(records):
    return Counter(record.outcome for record in records)


@pytest.fixture
def expected_failure(monkeypatch):
    """Makes the planted backend's failure a known one, as if it were an adapter of ours."""
    for name in ("planted", "known_deadly"):
        monkeypatch.setitem(registry.ADAPTERS, name, None)

    def expect(**changes):
        entry = {
            "backends": ("planted",),
            "versions": ">=1",
            "operations": ("conv2d",),
            "when": lambda case, facts: case.strides[0] == 2,
            "outcome": "fail",
            "does": "flips the kernel",
            "link": "found here",
        }
        found = KnownFailure(**{**entry, **changes})
        monkeypatch.setattr(known, "known_failures", lambda: (found,))

    return expect


class Versioned(Flipped):
    version = "1.2"


def test_known_failure_is_expected(expected_failure):
    expected_failure()
    records = judged(adapter(Versioned), CASE, "conv2d")
    assert not any(record.unexpected for record in records)
    assert outcome.KNOWN in outcomes(records)


def test_known_failure_turns_red_when_it_is_fixed(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"

    records = judged(adapter(Fixed), CASE, "conv2d")
    assert outcomes(records) == {outcome.FIXED: len(records)}
    assert all(record.unexpected and "flips the kernel" in record.message for record in records)


def test_known_failure_turns_red_also_where_a_check_is_not_claimed(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"
        capabilities = Capabilities(unclaimed={"special_values": "knows no NaN"})

    by_check = {record.check: record.outcome for record in judged(adapter(Fixed), CASE, "conv2d")}
    assert by_check.pop("special_values") == outcome.UNSUPPORTED
    assert set(by_check.values()) == {outcome.FIXED}


def test_known_failure_is_not_gone_when_what_would_show_it_was_not_run(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"

    checks = [check for check in CHECKS if check.name in ("special_values", "repeatable")]
    assert set(outcomes(judged(adapter(Fixed), CASE, "conv2d", checks=checks))) == {outcome.PASS}


def test_known_failure_of_one_check_excuses_no_other(expected_failure):
    expected_failure(checks=("rounded",))
    by_check = {record.check: record.outcome for record in judged(adapter(Versioned), CASE, "conv2d")}
    assert by_check["rounded"] == outcome.KNOWN
    assert by_check["exact"] == outcome.FAIL


def test_known_failure_that_comes_sometimes_may_pass(expected_failure):
    expected_failure(tries=100)

    class Lucky(Right):
        version = "1.2"

    assert set(outcomes(judged(adapter(Lucky), CASE, "conv2d"))) == {outcome.PASS}
    assert outcome.KNOWN in outcomes(judged(adapter(Versioned), CASE, "conv2d"))


def test_accuracy_of_a_call_that_fails_sometimes_is_left_out(expected_failure):
    class Lucky(Right):
        version = "1.2"

    def has_accuracy():
        (rounded,) = (one for one in judged(adapter(Lucky), CASE, "conv2d") if one.check == "rounded")
        return rounded.median_ratio is not None

    assert has_accuracy()
    expected_failure(tries=100, checks=("special_values",))
    assert has_accuracy()
    expected_failure(tries=100)
    assert not has_accuracy()


@pytest.mark.parametrize(
    ("tries", "backend", "fixed"),
    [(8, Right, 1), (9, Right, 0), (4, Flipped, 0)],
    ids=["enough pass", "too few", "they fail"],
)
def test_known_failure_that_comes_sometimes_is_fixed_when_enough_calls_of_a_run_pass(
    expected_failure, tries, backend, fixed
):
    expected_failure(tries=tries)
    subject = replace(adapter(backend), version="1.2")
    cases = [replace(CASE, batch=batch) for batch in range(1, 9)]
    records = records_of(for_all([subject], cases, ["conv2d"]))
    found = [record for record in records if record.outcome == outcome.FIXED]
    assert len(found) == fixed
    assert all("it passed in all 8 calls of this run, and 8 are enough" in record.message for record in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": "<1"},
        {"backends": ("planted:other",)},
        {"operations": ("conv2d_transpose",)},
        {"when": lambda case, facts: case.strides[0] == 3},
        {"outcome": "refused"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_known_failure_excuses_nothing_else(expected_failure, changes):
    expected_failure(**changes)
    assert any(record.unexpected for record in judged(adapter(Versioned), CASE, "conv2d"))


def test_two_entries_about_different_checks_of_a_call_are_both_expected(expected_failure, monkeypatch):
    expected_failure(checks=("rounded",))
    (first,) = known.known_failures()
    second = replace(first, checks=("exact",), does="is wrong on integers too")
    monkeypatch.setattr(known, "known_failures", lambda: (first, second))
    by_check = {record.check: record for record in judged(adapter(Versioned), CASE, "conv2d")}
    assert {by_check[name].outcome for name in ("rounded", "exact")} == {outcome.KNOWN}
    assert by_check["exact"].diagnosis.startswith("is wrong on integers too")
    # An entry that is strict does not take what another one expects for fixed.
    monkeypatch.setattr(known, "known_failures", lambda: (replace(first, checks=()), first))
    records = judged(adapter(Versioned), CASE, "conv2d")
    assert outcome.FIXED not in outcomes(records)


def test_known_failure_of_all_routes_covers_them(expected_failure):
    expected_failure(backends=("planted:*",))

    class Route(Versioned):
        name = "planted:route"

    assert not any(record.unexpected for record in judged(adapter(Route), CASE, "conv2d"))


@pytest.mark.parametrize("argument", [None, "mine:Kernel", "planted_by_others"])
def test_known_failure_is_inherited_by_no_other_backend_of_that_name(expected_failure, argument):
    expected_failure(backends=("planted:*",))
    records = judged(Subject.of(Versioned(), argument), CASE, "conv2d")
    assert outcome.KNOWN not in outcomes(records)
    assert any(record.unexpected for record in records)


DEADLY = """
import os
import planted

class Dies(planted.Right):
    def spoil(self, answer, arrays):
        os.abort()
"""


@pytest.fixture
def deadly(tmp_path, monkeypatch, request):
    (tmp_path / "known_deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    return Subject.load("known_deadly:Dies")


@pytest.mark.parametrize("processes", [0, 1])
def test_run_marks_what_was_expected(expected_failure, processes):
    expected_failure(versions=">=0", backends=("theirs",))
    subject = replace(Subject.load("planted:Flipped"), name="theirs", version="1")
    records = list(records_of(for_all([subject], [CASE], ["conv2d"], full=True), processes=processes))
    assert outcome.KNOWN in outcomes(records)
    assert not any(record.unexpected for record in records)
    unmarked = list(records_of(for_all([subject], [CASE], ["conv2d_transpose"], full=True), processes=processes))
    assert any(record.unexpected for record in unmarked)


@pytest.mark.parametrize("processes", [0, 1])
def test_call_that_is_known_to_kill_is_made_in_another_process(expected_failure, deadly, processes):
    expected_failure(versions=">=0", backends=("planted",), outcome="crashed", does="dies")
    subject = replace(deadly, version="1")
    records = list(records_of(for_all([subject], [CASE], ["conv2d"], full=True), processes=processes))
    subject.backend.process.close()
    assert outcomes(records) == {outcome.KNOWN: 1}  # no check is made after the death
    assert {record.diagnosis for record in records} == {"dies (found here)"}


@pytest.mark.parametrize("deadly", [True, False])
def test_process_is_renewed_before_and_after_a_call_that_may_damage_its_memory(deadly, monkeypatch):
    monkeypatch.setattr(known, "is_deadly", lambda *call: deadly)
    subject, renewed = Subject.load("planted:Right"), []
    monkeypatch.setattr(subject.backend.process, "renew", lambda: renewed.append(True))
    judge(subject, CASE, "conv2d", checks=[check for check in CHECKS if check.name == "exact"])
    assert len(renewed) == (2 if deadly else 0)
