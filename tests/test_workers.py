"""A worker of pytest-xdist reports all that a user needs of a test that does not pass."""

from __future__ import annotations

FILE = """
import pytest

@pytest.fixture
def said():
    print("before it")
    yield
    print("after it")

@pytest.fixture
def broken():
    yield
    raise ValueError("the end is broken")

def test_passes():
    pass

def test_fails(said):
    assert not "this is why"

def test_ends_badly(broken):
    pass

@pytest.mark.xfail(strict=True)
def test_is_wrong():
    raise ValueError

def test_is_left_out():
    pytest.skip("no reason")
"""


def test_worker_reports_all_of_a_test_that_does_not_pass(pytester, monkeypatch, request):
    root = request.config.rootpath
    pytester.makepyfile(test_some=FILE)
    pytester.makeconftest((root / "conftest.py").read_text().replace('pytest_plugins = ["pytester"]', ""))
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--backend", "reference", "-n", "1")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "errors": 1, "xfailed": 1, "skipped": 1}
    for shown in ("this is why", "before it", "after it", "the end is broken"):
        assert shown in result.stdout.str()
