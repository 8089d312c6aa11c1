"""The page on a bug: its facts, and a reproducer that was run in a fresh process."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from bugs.test_reproducer import FUNCTIONAL, stand_in
from run.sweep.small_chunks import begun
from run.sweep.test_store import HERE

from reference_impl.backends.protocol import Capabilities
from reference_impl.bugs import PASSED, JudgedCall, reproducer
from reference_impl.cases.case import Case
from reference_impl.run.subject import Subject
from reference_impl.run.sweep.judging import ChunkResult, Failure
from reference_impl.run.sweep.scope import Scope
from reference_impl.run.sweep.store import Backend, Store
from reference_impl.sweep.claim import bug_lines
from reference_impl.sweep.distinct import Swept, found
from reference_impl.sweep.page import page_of
from reference_impl.sweep.reports import Reproducers, write_reports

AVX2 = "torch:autograd@avx2"


@pytest.fixture
def swept(tmp_path):
    """A sweep of ten cases of torch, of which conv2d is wrong where there are two images."""
    specs = [f"n{batch}_h{height}w5c2_k2x3o2" for height in range(4, 9) for batch in (1, 2)]
    (tmp_path / "scope.txt").write_text("\n".join(specs))
    scope = Scope.read(tmp_path / "scope.txt")
    subject = Subject(None, AVX2, "2.13.0", Capabilities(), argument=AVX2)
    failures = [
        Failure(
            JudgedCall(
                "torch", "conv2d", Case.parse(spec), "wrong values", "autograd", "avx2", implementation="jit:avx2"
            ),
            "3 of 24 elements are wrong",
        )
        for spec in specs[1::2]
    ]
    with Store.create(None, begun(scope)) as store:
        store.add_backend(Backend(AVX2, AVX2, "2.13.0"))
        store.add(0, {AVX2: ChunkResult(AVX2, 40, 35, Counter(), Counter(), failures)})
        yield Swept(store, scope, {AVX2: subject})


def written(swept, tmp_path, monkeypatch, functional):
    paths = stand_in(tmp_path, functional)
    monkeypatch.setattr("reference_impl.sweep.reports.run", partial(reproducer.run, paths=paths, seconds=120))
    bugs = found(swept, ask=False)
    assert len(bugs.bugs) == 1
    ((path, seen),) = write_reports(tmp_path / "reports", bugs, swept, Reproducers(swept))
    assert path.name == "01-torch-wrong-values.md"
    return path.read_text(), seen


@pytest.mark.parametrize(
    ("functional", "said"),
    [(FUNCTIONAL["shape"], "it fails: exit status 1"), (FUNCTIONAL["crash"], "it fails: it dies of signal 9")],
)
def test_page_says_that_the_reproducer_was_seen_to_fail(swept, tmp_path, monkeypatch, functional, said):
    text, seen = written(swept, tmp_path, monkeypatch, functional)
    assert seen == "its reproducer was run in a fresh process, and fails there"
    assert f"It uses the framework and NumPy alone. Run in a fresh process, {said}." in text
    assert "import torch" in text
    assert "reference_impl" not in text.partition("```python")[2].partition("```")[0]
    assert "'ONEDNN_MAX_CPU_ISA': 'AVX2'" in text


def test_page_says_that_the_reproducer_does_not_fail(swept, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "reference_impl.sweep.reports.run", lambda text: reproducer.Run(reproducer.NOT_SHOWN, "0 of 24")
    )
    ((path, seen),) = write_reports(tmp_path / "reports", found(swept, ask=False), swept, Reproducers(swept))
    assert seen == "its reproducer does not fail alone"
    assert (
        "The call does NOT fail alone: in a fresh process, this script finds no fault (exit status 0)."
        in path.read_text()
    )


def test_page_has_the_facts(swept, tmp_path, monkeypatch):
    text, _ = written(swept, tmp_path, monkeypatch, FUNCTIONAL["shape"])
    for fact in (
        "# torch: wrong values in conv2d",
        "- On the calls of the sweep: 5 of 5 under the conditions fail; elsewhere 35 of 35 are right",
        "- Smallest case: `conv2d` `n2_h4w5c2_k2x3o2`",
        "- Backend: torch:autograd@avx2 2.13.0",
        "- Environment: avx2",
        "- Implementation: jit:avx2",
        f"- CPU: {HERE.cpu}",
        f"NumPy {HERE.numpy}",
        "conv2d-reference verify --backend 'torch:autograd@avx2' --cases n2_h4w5c2_k2x3o2 --operation conv2d",
        "3 of 24 elements are wrong",
        "conv2d where batch above 1: 5 of 5 wrong, 35 of 35 right elsewhere",
    ):
        assert fact in text


@pytest.mark.parametrize(("most", "said"), [(4, True), (5, False)])
def test_page_says_that_the_conditions_were_learned_from_a_sample(swept, tmp_path, monkeypatch, most, said):
    monkeypatch.setattr("reference_impl.sweep.distinct.MOST_FAILURES", most)
    monkeypatch.setattr("reference_impl.sweep.reports.run", lambda text: reproducer.Run(1, "5 of 24"))
    result = found(swept, ask=False)
    sample = "the conditions were learned from 4 of 5 failures and 35 of 35 right answers, drawn evenly"
    ((path, _),) = write_reports(tmp_path / "reports", result, swept, Reproducers(swept))
    assert (f"- Sample: {sample}" in path.read_text()) == said
    assert any(sample in line for line in bug_lines(result)) == said


def test_reproducer_of_a_bug_is_run_once_for_the_reports_and_the_page(swept, tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(
        "reference_impl.sweep.reports.run", lambda text: runs.append(text) or reproducer.Run(1, "5 of 24")
    )
    bugs, reproducers = found(swept, ask=False), Reproducers(swept)
    list(write_reports(tmp_path / "reports", bugs, swept, reproducers))
    page = page_of(swept.store.backends(), "ten cases", bugs, swept, reproducers)
    assert len(runs) == 1
    assert [one.script for one in page.bugs] == runs


def test_bug_that_fresh_calls_alone_show_is_counted_on_these(swept, tmp_path, monkeypatch):
    """Fresh calls die where the input has more than two channels; no case of the scope has."""

    def ask(call):
        wrong = call.operation == "conv2d" and call.case.batch > 1
        died = call.case.input_channels > 2
        return replace(call, outcome="crash" if died else "wrong values" if wrong else PASSED)

    monkeypatch.setattr(swept, "ask", lambda seed, time_limit: ask)
    monkeypatch.setattr("reference_impl.sweep.reports.run", lambda text: reproducer.Run(1, "5 of 24"))
    bugs = found(swept)
    dies = next(bug for bug in bugs.bugs if bug.kind == "crash")
    assert bugs.only_fresh == [dies]
    assert dies.failures > 0
    lines = "\n".join(bug_lines(bugs))
    assert "0 of 0" not in lines
    number = bugs.bugs.index(dies) + 1
    assert f"(bug {number}: no call of the sweep fails so. Fresh calls do, and the numbers are theirs)" in lines
    paths = [path for path, _ in write_reports(tmp_path / "reports", bugs, swept, Reproducers(swept))]
    assert f"- On fresh calls alone: {dies.failures:,} of " in paths[number - 1].read_text()
