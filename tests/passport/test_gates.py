"""Gates: a promise that is broken fails a run of verify, and only that promise."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from reference_impl.backends import environments
from reference_impl.backends.promises import PROMISES
from reference_impl.backends.protocol import Capabilities
from reference_impl.cli import app
from reference_impl.passport.gates import required
from reference_impl.run import outcome
from reference_impl.run.subject import Subject

BREAKS = {
    "Steady": None,
    "Races": "deterministic",
    "ByBatch": "batch-invariant",
    "ByLayout": "layout-invariant",
    "ByThreads": "thread-invariant",
}


def test_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="deterministic, batch-invariant"):
        Capabilities(requires=("reproducible",))
    result = CliRunner().invoke(app, ["verify", "--require", "deterministic,reproducible"])
    assert result.exit_code == 2
    assert "not 'reproducible'" in result.output


@pytest.mark.parametrize(("kernel", "word"), BREAKS.items(), ids=list(BREAKS))
def test_gate_catches_the_kernel_that_breaks_its_promise(kernel, word):
    subject = Subject.load(f"passport.breaking:{kernel}")
    words = (
        tuple(PROMISES) if kernel in ("Steady", "ByThreads") else tuple(PROMISES)[:3]
    )  # threads need three processes
    records = list(required(words, subject, ["conv2d"]))
    failed = {record.check for record in records if record.outcome == outcome.FAIL}
    if kernel == "Races":
        assert word in failed  # which may break all
    else:
        assert failed == ({word} if word else set())
    assert {record.check for record in records} == set(words)


def test_required_promise_that_cannot_be_asked_is_a_failure(monkeypatch):
    monkeypatch.setattr(environments, "declared", lambda name: {})  # nothing sets the number of threads
    (record,) = required(["thread-invariant"], Subject.load("passport.breaking:Steady"), ["conv2d"])
    assert record.outcome == outcome.FAIL
    assert "could not be asked: no variable sets its number of threads" in record.message


@pytest.mark.parametrize(("kernel", "status"), [("Promises", 0), ("BreaksItsPromise", 1)])
def test_declared_promise_is_a_check_of_the_run(kernel, status):
    arguments = ["verify", "--backend", f"passport.breaking:{kernel}", "--check", "batch-invariant"]
    assert CliRunner().invoke(app, arguments).exit_code == status


@pytest.mark.parametrize(("kernel", "status"), [("Steady", 0), ("ByBatch", 1)])
def test_required_promise_fails_the_run(kernel, status):
    arguments = ["verify", "--backend", f"passport.breaking:{kernel}", "--cases", "n1_h3w3c1_k1x1o1"]
    result = CliRunner().invoke(app, [*arguments, "--require", "batch-invariant,deterministic"])
    assert result.exit_code == status
    assert ("other bits of an image alone" in result.output) == (status == 1)
