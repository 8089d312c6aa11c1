"""Long tests run with --long and where their file is named. Elsewhere they are left out, and the run says how many."""

from __future__ import annotations

import re

import long_tests
import pytest

from reference_impl.cases.boundaries import boundaries_of
from reference_impl.cases.case import Case

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
SAID = ["1 long tests were not run; this runs them too: pytest --long"]
SAID_OF_PACKAGE = ["no_such_package is not installed: 1 tests that need it were not run"]


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


def test_all_but_one_in_three_are_long():
    values = [1, (2, 3), pytest.param(4, id="four"), 5]
    first, *others, fourth = long_tests.all_but_one_in(3, values)
    assert [first, fourth] == [1, 5]
    assert [other.values for other in others] == [(2, 3), (4,)]
    assert [other.id for other in others] == [None, "four"]
    assert all(mark.name == "long" for other in others for mark in other.marks)


def of_equivalence(pytester, monkeypatch, request, *words):
    """Collect the tests of the oracle on cases: their ids, and the last lines."""
    monkeypatch.chdir(request.config.rootpath)
    words = ["--collect-only", "-q", "--backend", "reference", "--backend", "minimal", *words, "tests/equivalence"]
    lines = pytester.runpytest_inprocess("-p", "no:cacheprovider", *words).outlines
    return {line for line in lines if "test_agrees[" in line}, lines


def test_cases_of_a_default_run_lie_on_all_boundaries_of_the_others(pytester, monkeypatch, request):
    some, lines = of_equivalence(pytester, monkeypatch, request)
    every, _ = of_equivalence(pytester, monkeypatch, request, "--long")
    assert some < every
    assert f"{len(every - some)} long tests were not run; this runs them too: pytest --long" in lines

    def shown(ids):
        parts = [re.search(r"\[(.*)\]", one)[1].split("-") for one in ids]
        cases = [(operation, backend, Case.parse(spec)) for operation, backend, _, spec in parts]
        boundaries = {(*call, name) for *call, case in cases for name in boundaries_of(case)}
        return boundaries, {(*call, case.dtype, case.padding_mode) for *call, case in cases}

    assert shown(some) == shown(every)


@pytest.mark.parametrize("words", [["--operation", "conv2d"], ["--padding", "FULL"], ["--case", "smoke"]])
def test_nothing_is_left_out_of_what_is_asked_for(pytester, monkeypatch, request, words):
    asked, _ = of_equivalence(pytester, monkeypatch, request, *words)
    every, _ = of_equivalence(pytester, monkeypatch, request, "--long", *words)
    assert asked == every
