"""ONNX Runtime hangs on the calls that its adapter declares as hanging, and returns from calls next to them."""

from __future__ import annotations

import pytest

from reference_impl.backends.onnx.runtime import ROUTES
from reference_impl.cases.case import Case
from reference_impl.run.processes.worker import Hung
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call

# The filters are inputs of the model: constant filters without channels are refused before they can hang.
BACKEND = "onnxruntime:dynamic"
WARM_UP = "n1_h2w2c1_k1x1o1"
HANGS = [
    ("conv2d", "n1_h5w6c0_k2x3o8_s2x1"),
    ("conv2d", "n1_h5w6c0_k2x3o4_p1,0,0,0"),
    ("conv2d_backprop_filter", "n0_h5w6c2_k2x3o6_d2x1"),
]
# In turn: one filter more than the output has positions (twice), nothing moves (twice), no images, no filters.
RETURNS = [
    ("conv2d", "n1_h5w6c0_k2x3o9_s2x1"),
    ("conv2d_backprop_filter", "n0_h5w6c2_k2x3o7_d2x1"),
    ("conv2d", "n1_h5w6c0_k2x3o4"),
    ("conv2d_backprop_filter", "n0_h5w6c2_k2x3o4_s2x1"),
    ("conv2d", "n0_h5w6c0_k2x3o8_s2x1"),
    ("conv2d", "n1_h5w6c0_k2x3o0_s2x1"),
]


@pytest.fixture
def backend():
    backend = Subject.load(BACKEND).backend
    answer(backend, "conv2d", WARM_UP)  # so that the import does not count
    backend.process.time_limit = 3
    yield backend
    backend.process.close()


def answer(backend, operation, spec):
    return integer_call(Case.parse(spec), operation, 0).run(backend)


def test_conv_that_is_not_declared_to_hang_returns(backend):
    for operation, spec in RETURNS:
        assert ROUTES["dynamic"].capabilities.unsupported(operation, Case.parse(spec)) is None
        answer(backend, operation, spec)


@pytest.mark.parametrize(("operation", "spec"), HANGS)
def test_conv_that_is_declared_to_hang_does(backend, operation, spec):
    assert "does not return" in ROUTES["dynamic"].capabilities.unsupported(operation, Case.parse(spec))
    with pytest.raises(Hung, match="no answer within"):
        answer(backend, operation, spec)
