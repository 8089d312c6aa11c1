"""TensorFlow's graphs are traced once for equal calls in a row."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from reference_impl.backends.tensorflow.functions import XLA, Biased, Graph
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

CASE = Case.parse("n2_h6w7c2_k3x2o3_s2x1_SAME")
OTHERS = ["n1_h6w7c2_k3x2o3_s2x1_SAME", "n2_h6w7c2_k3x2o3_SAME", "n2_h6w7c2_k3x2o3_s2x1_SAME_float64"]


@pytest.fixture
def traced(monkeypatch):
    """The functions of TensorFlow that were traced."""
    functions = []

    def function(*arguments, **options):
        functions.append(arguments)
        return tf.function(*arguments, **options)

    monkeypatch.setattr(
        "reference_impl.backends.tensorflow.functions.tf", SimpleNamespace(**vars(tf) | {"function": function})
    )
    return functions


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", [Graph, Biased])
def test_equal_calls_in_a_row_are_traced_once_and_right_on_other_numbers(kind, operation, traced):
    if operation not in kind.capabilities.operations:
        pytest.skip("not offered")
    backend = kind()
    for seed in (0, 1):
        call = integer_call(CASE, operation, seed)
        assert (call.run(backend) == oracle(call)).all()
    assert len(traced) == 1


@pytest.mark.parametrize("spec", OTHERS)
def test_another_call_is_traced_anew(spec, traced):
    backend = Graph()
    for case in (CASE, Case.parse(spec), CASE):
        call = integer_call(case, "conv2d", 0)
        assert (call.run(backend) == oracle(call)).all()
    assert len(traced) == 3


def test_another_operation_on_equal_arrays_is_traced_anew(traced):
    """Its arrays may have the same shapes."""
    case, backend = Case.parse("n2_h5w5c3_k1x1o3"), XLA()
    for operation in ("conv2d", "conv2d_transpose"):
        call = integer_call(case, operation, 0)
        assert (call.run(backend) == oracle(call)).all()
    assert len(traced) == 2
