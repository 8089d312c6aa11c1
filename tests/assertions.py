"""The assertions on many random layers of the frameworks, and on every mistake; their quick look beside the slow way.

`tox run -e assertions`. Not part of the default run, as it takes minutes.
"""

from __future__ import annotations

import numpy as np
import pytest
from asserted import RAISES, asserted, is_caught, layer_arrays, random_layer, same_verdict

from reference_impl.backends import registry
from reference_impl.exact.formats import FORMATS
from reference_impl.mistakes import MISTAKES
from reference_impl.operations import OPERATIONS
from reference_impl.testing import message
from reference_impl.verdicts.call import Call, array_shapes, numpy_dtype
from reference_impl.verdicts.real_data import RealTask

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


def spoilt(exact, gauge, dtype, random):
    """Yield an answer to real data that is right, and some that are right or wrong by little."""
    form, kind = FORMATS[dtype], numpy_dtype(dtype)
    nearest = exact.astype(kind)
    yield nearest
    size = 2 ** random.uniform(-6, 6)
    yield (exact + size * form.eps * gauge * random.uniform(-1, 1, exact.shape)).astype(kind)
    yield (exact + size * form.eps * gauge * random.uniform(-0.5, 1, exact.shape)).astype(kind)
    away = np.abs(nearest.astype(np.float64)) > np.abs(exact)
    cut = away & (random.random(exact.shape) < random.random())
    yield np.where(cut, nearest * kind.type(1 - form.eps), nearest)
    one = nearest.copy()
    place = random.integers(exact.size)
    one.flat[place] = np.array(exact.flat[place] + 16 * form.eps * gauge.flat[place] * random.uniform(0.999, 1.001))
    yield one


@pytest.mark.parametrize("dtype", FORMATS)
def test_quick_look_says_what_the_slow_way_says(dtype):
    said = {True: 0, False: 0}
    for seed in range(LAYERS):
        random = np.random.default_rng([seed, list(FORMATS).index(dtype), 1])
        case = random_layer(random, dtype)
        drawn = layer_arrays(random, case)
        for operation in OPERATIONS:
            source = {"input": drawn["out_backprop" if operation == "conv2d_transpose" else "input"]}
            arrays = {
                name: {**drawn, **source}[name].astype(numpy_dtype(dtype)) for name in array_shapes(case, operation)
            }
            task = RealTask("normal", Call(operation, case, arrays))
            for answer in spoilt(task.exact, task.gauge, dtype, random):
                said[same_verdict(task.call, answer) is None] += 1
    print(said)
    assert min(said.values()) > LAYERS


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_caught_in_every_operation(mistake, monkeypatch):
    monkeypatch.setattr(message, "fits", lambda *args: [])
    caught = {operation: is_caught(mistake, operation) for operation in mistake.operations}
    assert set(caught.values()) == {mistake.name not in RAISES}, caught
