"""ONNX Runtime hangs on the calls that its adapter declares as hanging, and returns from calls next to them."""

from __future__ import annotations

import pytest

from reference_impl.backends.onnx.runtime import ROUTES
from reference_impl.cases.case import Case
from reference_impl.run.processes.worker import Died, Worker

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


@pytest.fixture(scope="module")
def worker():
    with Worker(BACKEND) as worker:
        worker.ask("digest", BACKEND, "conv2d", WARM_UP, 0)  # so that the import does not count
        yield worker


@pytest.mark.parametrize(("operation", "spec"), RETURNS)
def test_conv_that_is_not_declared_to_hang_returns(worker, operation, spec):
    assert ROUTES["dynamic"].capabilities.unsupported(operation, Case.parse(spec)) is None
    assert worker.ask("digest", BACKEND, operation, spec, 0)


@pytest.mark.parametrize(("operation", "spec"), HANGS)
def test_conv_that_is_declared_to_hang_does(worker, operation, spec):
    assert "does not return" in ROUTES["dynamic"].capabilities.unsupported(operation, Case.parse(spec))
    worker.ask("digest", BACKEND, "conv2d", WARM_UP, 0)
    with pytest.raises(Died, match="no answer within"):
        worker.ask("digest", BACKEND, operation, spec, 0, time_limit=3)
