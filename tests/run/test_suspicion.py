"""With a fault planted in the oracle, the oracle is suspected, and no backend is accused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from equivalence.outcomes import fail_if_unexpected
from planted import Flipped

from reference_impl import definition, exact, operations
from reference_impl.backends.definition import Definition
from reference_impl.backends.minimal import Minimal
from reference_impl.cases.case import Case
from reference_impl.conformance import check_backend
from reference_impl.operations import OPERATIONS
from reference_impl.report.failures import explained, suspicion_text
from reference_impl.report.tally import Tally
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.outcome import Record
from reference_impl.run.subject import OURS, Subject
from reference_impl.run.suspicion import contradicted
from reference_impl.verdicts import second_opinion
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.task import Task

# Each fault is planted by a module that Python imports first, in every process.
FAULTS = {
    "kernel flipped": """
block = operations.filter_block
operations.filter_block = lambda filters, *given: block(filters[::-1, ::-1], *given)
""",
    "pads swapped": """
pads = geometry.padding_of
geometry.padding_of = lambda *given: pads(*given)[::-1]
""",
    "dilation ignored": """
reads = geometry.Axis.reads
geometry.Axis.reads = lambda axis, *given: reads(replace(axis, dilation=1), *given)
""",
    "stride off by a position": """
reads = geometry.Axis.reads
geometry.Axis.reads = lambda axis, *given: reads(
    replace(axis, pad_before=axis.pad_before + (axis.stride > 1)), *given
)
""",
    "channels in reverse": """
block = operations.filter_block
operations.filter_block = lambda filters, *given: block(filters[:, :, ::-1], *given)
""",
    "one output too few": """
right = geometry.Axis.output_size.func
geometry.Axis.output_size = property(lambda axis: right(axis) - (axis.stride > 1))
""",
    "wrong BLAS": """
class Matrix(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        answer = getattr(ufunc, method)(*map(np.asarray, inputs))
        if ufunc is np.matmul and answer.shape[-2] > 20:
            answer[..., -1, -1] += 1
        if out is not None:
            np.copyto(*out, answer, casting="unsafe")
        return answer
operations.unfold = lambda *given: windows.unfold(*given).view(Matrix)
""",
}
# Each fault shows on one of them.
CASES = ["n2_h7w9c3_k3x2o4", "n1_h6w7c2_k3x2o3_SAME", "n1_h9w8c3_k2x3o2_s2x3_d2x1"]
BEGINS = """
import sys
from dataclasses import replace
import numpy as np
from reference_impl import geometry, operations, windows
"""


@pytest.fixture
def verify(tmp_path, monkeypatch, request):
    """Run `verify` with a fault in the oracle, in all processes."""
    path = os.pathsep.join(map(str, [tmp_path, request.config.rootpath]))

    def verify(fault, *words):
        (tmp_path / "sitecustomize.py").write_text(BEGINS + fault)
        asked = [word for case in CASES for word in ("--cases", case)]
        checks = ["--check", "shape_and_dtype", "--check", "exact"]
        command = [sys.executable, "-m", "reference_impl", "verify", *asked, *checks, *words]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)

    return verify


@pytest.mark.parametrize("fault", FAULTS)
def test_oracle_with_a_fault_is_suspected_and_no_backend_accused(verify, fault):
    done = verify(FAULTS[fault], "--backend", "minimal", "--no-isolation")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "The ORACLE is suspect: no backend is accused." in done.stdout
    assert "the definition gives" in done.stdout
    assert "FAIL" not in done.stdout
    assert "REFUSED" not in done.stdout


def test_oracle_with_a_fault_is_suspected_by_the_judge_outside(verify):
    done = verify(FAULTS["kernel flipped"], "--backend", "minimal", "--backend", "reference")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the ORACLE is suspect, and no backend is accused" in done.stdout
    assert "FAIL" not in done.stdout


def test_oracle_without_a_fault_is_not_suspected(verify):
    done = verify("", "--backend", "minimal", "--no-isolation")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", ["n2_h5w6c4_k2x3o6_s2x1_d1x2_g2_SAME", "n1_h4w3c2_k3x2o2_p2,0,1,1"])
def test_element_of_the_definition_is_that_of_its_whole_answer(operation, spec):
    task = Task(Case.parse(spec), operation, 0)
    case, arrays = task.case, list(task.call.arrays.values())
    whole = task.call.with_arrays(np.asarray).run(Definition())
    for index in np.ndindex(whole.shape):
        elements = [lambda place, array=array: int(array[place]) for array in arrays]
        sizes = case.input_sizes, case.filter_sizes, *case.options.values()
        assert definition.element(operation, index, *elements, *sizes) == whole[index]


WRONG = Case.parse("n1_h4w5c2_k2x3o3")


def test_wrong_backend_is_accused_and_the_oracle_is_not():
    records = judge(Subject.of(Flipped()), WRONG, "conv2d")
    assert outcome.FAIL in {record.outcome for record in records}
    assert outcome.ORACLE not in {record.outcome for record in records}


EXACT = tuple(check for check in CHECKS if check.name == "exact")
LARGE = Case.parse("n1_h1001w1100c1_k1x1o1")  # 1,101,100 products in one element of the filter gradient


def plant_one_too_many(monkeypatch, oracle=operations):
    """Let the oracle's filter gradient be too large by 1."""
    right = oracle.conv2d_backprop_filter
    monkeypatch.setattr(oracle, "conv2d_backprop_filter", lambda *given, **options: right(*given, **options) + 1)


@pytest.mark.parametrize(("check", "oracle"), [("exact", operations), ("rounded", exact)], ids=["exact", "rounded"])
def test_oracle_with_a_fault_is_suspected_where_an_element_sums_over_a_million_products(monkeypatch, check, oracle):
    plant_one_too_many(monkeypatch, oracle)
    checks = tuple(one for one in CHECKS if one.name == check)
    (record,) = judge(Subject.of(Minimal()), LARGE.with_dtype("float64"), "conv2d_backprop_filter", checks=checks)
    assert record.outcome == outcome.ORACLE
    assert "the definition gives" in record.message


def test_failure_of_an_element_that_is_too_large_for_the_definition_says_that_it_is_not_confirmed(monkeypatch):
    case, operation = Case.parse("n2_h5w6c2_k2x3o3"), "conv2d_backprop_filter"
    plant_one_too_many(monkeypatch)
    monkeypatch.setattr(second_opinion, "MOST_PRODUCTS", case.convolution.terms(operation))
    (record,) = judge(Subject.of(Minimal()), case, operation, checks=EXACT)
    assert record.outcome == outcome.ORACLE  # one element is asked for
    monkeypatch.setattr(second_opinion, "MOST_PRODUCTS", case.convolution.terms(operation) - 1)
    (record,) = judge(Subject.of(Minimal()), case, operation, checks=EXACT)
    assert record.outcome == outcome.FAIL
    said = (
        "not confirmed by the definition: too large, with 32 products an element, of which plain Python sums at most 31"
    )
    assert record.message.splitlines()[-1] == f"{said}. The oracle alone says that this is wrong"


def test_failure_on_a_nan_says_that_it_is_not_confirmed():
    checks = tuple(check for check in CHECKS if check.name == "special_values")
    (record,) = judge(Subject.of(Flipped()), WRONG, "conv2d", checks=checks)
    assert record.outcome == outcome.FAIL
    assert "not confirmed by the definition: it computes with integers and fractions" in record.message


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(5))  # each kind of real data, very small and very large numbers too
def test_confirmed_failure_does_not_say_otherwise(dtype, seed):
    checks = tuple(check for check in CHECKS if check.name in ("exact", "rounded"))
    for record in judge(Subject.of(Flipped()), WRONG.with_dtype(dtype), "conv2d", seed, checks=checks):
        assert record.outcome == outcome.FAIL
        assert "not confirmed" not in record.message


def test_pytest_and_check_backend_accuse_nobody(monkeypatch):
    block = operations.filter_block
    monkeypatch.setattr(operations, "filter_block", lambda filters, *given: block(filters[::-1, ::-1], *given))
    report = check_backend("minimal", [WRONG])
    assert report.oracle_is_suspect
    assert not report.passed
    assert "neither passed nor failed, as the ORACLE is suspect" in str(report)
    subject = Subject.here("minimal")
    with pytest.raises(pytest.fail.Exception, match="The ORACLE is suspect: no backend is accused") as raised:
        fail_if_unexpected(subject, judge(subject, WRONG, "conv2d"))
    assert "FAIL" not in str(raised.value)
    assert "verify --backend minimal" in str(raised.value)


def record(backend, came=outcome.FAIL, answer="the same", check="exact"):
    return Record(backend, "1", "conv2d", str(WRONG), check, came, argument=backend, answer=answer, message="wrong")


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([record("torch"), record("torch:autograd")], id="one framework by two routes"),
        pytest.param([record("torch"), record("tensorflow", answer="other")], id="two different answers"),
        pytest.param([record("torch"), record("tensorflow"), record("jax", outcome.PASS, None)], id="one agrees"),
        pytest.param([record("torch"), record("tensorflow", outcome.KNOWN)], id="a failure that is known"),
        pytest.param([record("torch"), record("keras")], id="keras, which computes by another"),
        pytest.param([record("torch"), record("mine:A"), record("mine:B")], id="kernels of a user"),
        pytest.param([record("torch"), record("minimal"), record("definition")], id="our own"),
        pytest.param([record("torch", check="repeatable"), record("jax", check="repeatable")], id="another check"),
    ],
)
def test_oracle_is_not_suspected_for(records):
    assert not contradicted(records, OURS)


def test_oracle_is_suspected_where_all_frameworks_give_one_other_answer():
    tally = Tally()
    lacks = record("jax", outcome.UNSUPPORTED, None)
    tally.extend([record("reference", outcome.PASS, None), record("torch"), record("tensorflow:tape"), lacks])
    tally.suspect_the_oracle()
    assert [found.backend for found in tally.suspects] == ["torch", "tensorflow:tape"]
    assert tally.suspects == tally.unexpected
    assert not explained(tally, [])
    text = suspicion_text(tally.suspects, failed=len(tally.unexpected))
    assert text.startswith("The ORACLE is suspect: no backend is accused.")
    assert "one other answer to this call: torch, tensorflow:tape" in text
