"""Workers of pytest-xdist: what they report, which tests each gets, and which of them asks frameworks."""

from __future__ import annotations

from threading import Thread
from types import SimpleNamespace

import pytest
from equivalence import shared_answers
from equivalence.shared_answers import SharedAnswers

from reference_impl.run.processes.asking import BackendProcess
from reference_impl.run.processes.worker import Died

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


class Node:
    """A worker that notes the numbers of the tests that it is given."""

    shutting_down = False

    def __init__(self, name):
        self.gateway = SimpleNamespace(id=name)
        self.given = []

    def send_runtest_some(self, numbers):
        self.given.extend(numbers)

    def shutdown(self):
        self.shutting_down = True


def test_first_worker_alone_makes_tests_of_frameworks_while_there_are_others():
    pytest.importorskip("xdist")
    from division import FrameworksOnOneWorker  # pytest-xdist may not be installed

    others = [f"tests/oracle/test_some.py::test_one[{n}]" for n in range(32)]
    others += ["tests/equivalence/test_conv2d.py::test_agrees[conv2d-reference-SAME-torch]"]
    frameworks = ["tests/equivalence/test_loads.py::test_loads[torch:bias]"]
    frameworks += [f"tests/equivalence/test_conv2d.py::test_agrees[conv2d-tensorflow-SAME-{n}]" for n in range(14)]
    ids = [*frameworks, *others]
    option = {"tx": ["popen", "popen"], "maxschedchunk": None}.get
    scheduler = FrameworksOnOneWorker(SimpleNamespace(getoption=option, getvalue=option))
    nodes = [Node("gw0"), Node("gw1")]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    while not scheduler.tests_finished:
        for node in nodes:
            if scheduler.node2pending[node]:
                scheduler.mark_test_complete(node, scheduler.node2pending[node][0])
    given = [[ids[number] for number in node.given] for node in nodes]
    assert sorted(given[0] + given[1]) == sorted(ids)
    assert not {*given[1]} & {*frameworks}
    assert given[0][0] in others
    assert given[1] == [name for name in ids if name in given[1]]


@pytest.fixture
def asked(monkeypatch):
    """The questions that processes were asked. They answer all but one; of "kills" they die."""
    asked = []

    def ask(process, *question):
        asked.append((*process.names, *question))
        if "kills" in question:
            raise Died("it is dead")
        return {"answer": len(asked)}

    monkeypatch.setattr(shared_answers, "_ask", ask)
    return asked


def test_one_worker_asks_frameworks_and_the_other_reads_until_it_has_finished(asked, tmp_path):
    torch, ours = SimpleNamespace(names=("torch",)), SimpleNamespace(names=("reference",))
    read = []
    asks = SharedAnswers(tmp_path, asks=True)
    try:
        first = BackendProcess.ask
        reads = SharedAnswers(tmp_path, asks=False)
        try:
            second = BackendProcess.ask
            waiting = Thread(target=lambda: read.append(second(torch, "describe")))
            waiting.start()
            assert first(torch, "describe") == {"answer": 1}
            waiting.join()
            assert (read, asked) == ([{"answer": 1}], [("torch", "describe")])
            for ask in (first, second):
                with pytest.raises(Died):
                    ask(torch, "kills")
                ask(ours, "describe")
            assert asked[1:] == 2 * [("torch", "kills"), ("reference", "describe")]
        finally:
            reads.finish()
    finally:
        asks.finish()
    assert second(torch, "routes") == {"answer": 6}
