"""A backend in another Python is judged like any other, and its end is told as what it was."""

from __future__ import annotations

import ast
import os

import pytest

from history.elsewhere import THERE
from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject

if os.name != "posix":
    pytest.skip("descriptors are handed on, and signals sent, as on Unix", allow_module_level=True)

CASE = Case.parse("n2_h6w5c3_k3x2o4_SAME")
# One that dies is asked alone, as those beside it would be asked again.
NAMES = (("Prints", "Flipped", "Raises"), ("Dies",))


@pytest.fixture(scope="module")
def records(request):
    """An unexpected record of each, if there is one, or else any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(request.config.rootpath / "tests")
        every = [record for names in NAMES for record in _judged([f"planted_elsewhere:{name}" for name in names])]
    return {record.backend: record for record in sorted(every, key=lambda record: record.unexpected)}


def _judged(names):
    subjects = [Subject.of(registry.load(name), name) for name in names]
    return records_of(for_all(subjects, [CASE], ["conv2d"]), processes=1)


@pytest.mark.parametrize(
    ("name", "outcome", "message"),
    [
        ("prints", "pass", "None"),
        ("flipped", "fail", "elements"),
        ("raises", "refused", "Refused: ZeroDivisionError: of nothing"),
        ("dies", "crashed", "the process died of signal 8 (SIGFPE)"),
    ],
)
def test_kernel_elsewhere_is_judged(records, name, outcome, message):
    record = records[name]
    assert (record.version, record.outcome) == ("7.0", outcome)
    assert message in str(record.message)


def test_kernel_that_cannot_be_loaded_is_told(monkeypatch, request):
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    with pytest.raises(ImportError, match=r"must run \S*no_such_file.py; it exited with 1"):
        registry.load("planted_elsewhere:NotThere")


@pytest.mark.parametrize("file", sorted(THERE.glob("*.py")), ids=lambda file: file.name)
def test_what_runs_there_is_old_python(file):
    ast.parse(file.read_text("utf-8"), feature_version=(3, 7))
