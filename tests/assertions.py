"""The assertions on many random layers of the frameworks, and on every mistake in every operation.

`tox run -e assertions`. Not part of the default run, as it takes minutes.
"""

from __future__ import annotations

import numpy as np
import pytest
from asserted import RAISES, asserted, is_caught, layer_arrays, random_layer

from reference_impl.backends import registry
from reference_impl.exact.formats import FORMATS
from reference_impl.mistakes import MISTAKES
from reference_impl.operations import OPERATIONS
from reference_impl.testing import message
from reference_impl.verdicts.call import Call, array_shapes, numpy_dtype

LAYERS = 250


def known_wrong(framework, case):
    """True where oneDNN's float32 and bfloat16 kernels in TensorFlow 2.21 add what memory held before.

    tf.nn.conv2d(tf.ones((3, 7, 5, 1)), tf.ones((3, 4, 1, 2)), (1, 2), "VALID") shows it.
    """
    _, height, width, _ = case.output_shape
    one_channel = case.input_channels == 1 < case.output_channels
    return framework == "tensorflow" and one_channel and width == 1 < height and case.strides[0] == 1 < case.strides[1]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=pytest.mark.framework(name)) for name in ("torch", "tensorflow")]
)
def test_framework_raises_no_alarm(framework, dtype):
    backend = registry.load(framework)
    # Both sum the gradients of halves as halves, in places (docs/testing.md). Of 500 such terms of one sign, the last
    # are lost.
    halves = dtype in ("float16", "bfloat16")
    failed = []
    for seed in range(LAYERS):
        random = np.random.default_rng([seed, list(FORMATS).index(dtype)])
        case = random_layer(random, dtype)
        drawn = layer_arrays(random, case)
        for operation in OPERATIONS:
            names = array_shapes(case, operation)
            source = {"input": drawn["out_backprop" if operation == "conv2d_transpose" else "input"]}
            arrays = {name: {**drawn, **source}[name].astype(numpy_dtype(dtype)) for name in names}
            call = Call(operation, case, arrays)
            if not backend.capabilities.supports(operation, case) or known_wrong(framework, case):
                continue
            declared = {"accumulate": dtype, "factor": 4} if halves and operation != "conv2d" else {}
            try:
                asserted(call, call.run(backend), **declared)
            except AssertionError as error:
                failed.append(f"{operation} {case} {seed}: {error}")
    assert failed == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_caught_in_every_operation(mistake, monkeypatch):
    monkeypatch.setattr(message, "fits", lambda *args: [])
    caught = {operation: is_caught(mistake, operation) for operation in mistake.operations}
    assert set(caught.values()) == {mistake.name not in RAISES}, caught
