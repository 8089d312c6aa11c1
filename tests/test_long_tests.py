"""Long tests run with --long and where their file is named. Elsewhere they are left out, and the run says how many."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import long_tests
import pytest

from reference_impl.cases.boundaries import boundaries_of
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS

TESTS = Path(__file__).parent
FILE = """
import pytest

@pytest.mark.long
def test_long():
    pass

@pytest.mark.long
@pytest.mark.framework("no_such_package")
def test_without_its_package():
    pass

def test_short():
    pass
"""
MANY = """
import pytest

@pytest.mark.parametrize("n", range(7))
def test_n(n):
    pass

@pytest.mark.parametrize("n", range(2))
def test_m(n):
    pass
"""
SAID = ["1 long tests were not run; this runs them too: pytest --long"]
SAID_OF_PACKAGE = ["no_such_package is missing: 1 tests that need it were not run"]


@pytest.fixture
def run(pytester, monkeypatch, request):
    """Run pytest, with the options of this project, on a folder that has a long test; return its RunResult."""
    root = request.config.rootpath
    pytester.makepyfile(test_some=FILE)
    pytester.makeini("[pytest]\nmarkers =\n    long\n    framework(name)\n")
    pytester.makeconftest((root / "conftest.py").read_text().replace('pytest_plugins = ["pytester"]', ""))
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")
    return lambda *words: pytester.runpytest_subprocess("-p", "no:cacheprovider", "--backend", "reference", *words)


@pytest.mark.parametrize(
    ("words", "passed", "said"),
    [
        ("", 1, [*SAID_OF_PACKAGE, *SAID]),
        ("-n 1", 1, [*SAID_OF_PACKAGE, *SAID]),
        ("--long", 2, SAID_OF_PACKAGE),
        ("test_some.py", 2, SAID_OF_PACKAGE),
        ("test_some.py::test_long", 1, []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_long_test_runs_or_is_counted_in_the_last_lines(run, words, passed, said):
    result = run(*words.split())
    assert result.parseoutcomes().get("passed", 0) == passed
    assert [line for line in result.outlines if "not run" in line] == said
    assert result.ret == pytest.ExitCode.OK


def is_there(name):
    file, _, test = name.partition("::")
    return not test or f"def {test.partition('[')[0]}(" in (TESTS / file).read_text("utf-8")


def test_long_tests_that_are_named_are_there():
    assert [name for name in long_tests.LONG if not is_there(name)] == []
    assert not is_there("oracle/test_4_minimal.py::test_that_was_renamed")


def test_first_item_and_each_third_after_it_are_not_long(pytester, monkeypatch):
    items = pytester.getitems(MANY)
    monkeypatch.setattr(long_tests, "_TESTS", items[0].path.parent)
    file = items[0].path.name
    monkeypatch.setattr(long_tests, "LONG", {f"{file}::test_n": 3, f"{file}::test_m[1]": 0, f"{file}::test_n[6]": 0})
    long_tests.mark(items)
    short = [item.name for item in items if not item.get_closest_marker("long")]
    assert short == ["test_n[0]", "test_n[3]", "test_m[0]"]


def of_equivalence(pytester, monkeypatch, request, *words):
    """Collect the tests of the oracle and of the one screen: their ids, and the last lines."""
    monkeypatch.chdir(request.config.rootpath)
    words = ["--collect-only", "-q", "--backend", "reference", "--backend", "minimal", *words, "tests/equivalence"]
    lines = pytester.runpytest_inprocess("-p", "no:cacheprovider", *words).outlines
    return {line for line in lines if "::" in line}, lines


def test_cases_of_a_default_run_lie_on_all_boundaries_of_the_others(pytester, monkeypatch, request):
    some, lines = of_equivalence(pytester, monkeypatch, request)
    every, _ = of_equivalence(pytester, monkeypatch, request, "--long")
    assert some < every
    assert f"{len(every - some)} long tests were not run; this runs them too: pytest --long" in lines

    def shown(ids):
        parts = [one[1].split("-") for one in map(re.compile(r"test_agrees\[(.*)\]").search, ids) if one]
        cases = [(operation, backend, Case.parse(spec)) for operation, backend, _, spec in parts]
        boundaries = {(*call, name) for *call, case in cases for name in boundaries_of(case)}
        return boundaries, {(*call, case.dtype, case.padding_mode) for *call, case in cases}

    assert shown(some) == shown(every)
    drawn = [one.partition("[")[2].split("-")[:2] for one in some if "generated" in one]
    assert sorted(drawn) == sorted(map(list, product(OPERATIONS, ["minimal", "reference"])))


@pytest.mark.parametrize("words", [["--operation", "conv2d"], ["--padding", "FULL"], ["--case", "smoke"]])
def test_nothing_is_left_out_of_what_is_asked_for(pytester, monkeypatch, request, words):
    asked, _ = of_equivalence(pytester, monkeypatch, request, *words)
    every, _ = of_equivalence(pytester, monkeypatch, request, "--long", *words)
    assert asked == every
