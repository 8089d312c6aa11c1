"""Calls that are put to the assertions of `reference_impl.testing`: those of right frameworks, and of every mistake."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

import numpy as np

from reference_impl import testing
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.exact.formats import FORMATS
from reference_impl.testing import judgement, message
from reference_impl.verdicts.call import Call
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.making_calls import answers_of
from reference_impl.verdicts.real_data import real_task
from reference_impl.verdicts.task import Task

# Mistakes that show in one dtype, or on this kind of shape, come before the smoke set: they are cheap.
_SPECS = """
n2_h7w8c2_k3x2o3_s2x1_SAME n1_h5w4c1_k1x1o1 n2_h9w6c9_k4x2o9_float16 n2_h9w6c9_k4x2o9_bfloat16 n2_h7w8c2_k3x2o3_int32
n2_h7w8c2_k3x2o3_SAME_float64 n2_h6w6c70_k3x3o5_int64 n2_h6w6c4_k3x3o5_int16
"""
CASES = [*map(Case.parse, _SPECS.split()), *catalogue.load("smoke")]
# It raises by itself, before there is an answer.
RAISES = ("needs-writable-arrays",)


def asserted(call: Call, answer, **declared) -> None:
    getattr(testing, f"assert_{call.operation}")(answer, *call.positional(), **call.case.options, **declared)


def verdict(call: Call, answer, **declared) -> str | None:
    """Return what the assertion says of an answer, without the mistakes that it fits; None if it is right."""
    try:
        with patch.object(message, "fits", lambda *args: []):
            asserted(call, answer, **declared)
    except AssertionError as error:
        return str(error)
    return None


def same_verdict(call: Call, answer, **declared) -> str | None:
    """Require that the slow way alone says the same of an answer, and return that."""
    quick = verdict(call, answer, **declared)
    with (
        patch.object(judgement, "surely_right", lambda *args, **options: False),
        patch.object(judgement, "each_is_right", lambda *args, **options: False),
    ):
        slow = verdict(call, answer, **declared)
    assert quick == slow, f"the quick look says {quick!r}, and the slow way {slow!r}"
    return slow


def is_caught(mistake, operation: str) -> bool:
    """True if the assertion fails on an answer of a kernel that makes the mistake."""
    of_state = mistake.family == "state" or mistake.name.startswith("right-only-")
    if of_state and any(_fails(calls) for calls in _situations(mistake, operation)):
        return True
    return any(_fails([partial(_asked, mistake.backend(), call)]) for call in _calls(operation))


def _calls(operation: str):
    for case in CASES:
        first = integer_call(case, operation, 0)
        yield [first, integer_call(case, operation, 1)]
        if case.dtype in FORMATS:
            yield from ([real_task(case, operation, 0, kind).call] for kind in ("normal", "subnormal"))
            yield from ([_with_specials(first, place)] for place in (0, 1))


def _asked(backend, calls):
    """Make the calls, and return each with its answer: as both are after the last of them."""
    copies = [call.with_arrays(np.copy) for call in calls]
    return [(call, call.run(backend)) for call in copies]


def _situations(mistake, operation: str):
    """Make calls that show more than one alone: arrays laid out oddly, other calls before it or beside it."""
    case = CASES[0]
    task, backend = Task(case, operation, 0), mistake.backend()
    laid = [task.laid(), task.cut(), *task.sharing()]
    layouts = (np.asfortranarray, lambda array: np.flip(np.flip(array).copy()))
    odd = [*(one.call for one in laid), *map(task.call.with_arrays, layouts)]
    yield [lambda call=call: [(call, call.run(mistake.backend()))] for call in odd]
    calls = [Task(case, operation, seed).call for seed in range(12)]
    yield [partial(_asked, mistake.backend(), calls)]
    near = [one.call for one in task.neighbours]
    yield [partial(_asked, mistake.backend(), [task.call, *near, task.larger.call, task.call])]
    yield [partial(_asked, mistake.backend(), [_with_specials(task.call, 0), task.other.call])]
    ran = [partial(call.run, backend) for call in calls[:8]]
    yield [lambda: list(zip(calls[:8], answers_of(ran, threads=2)))]


def _fails(makers) -> bool:
    for make in makers:
        try:
            pairs = make()
        except Exception:  # a kernel that raises has given no answer to judge
            continue
        for call, answer in pairs:
            try:
                asserted(call, answer)
            except AssertionError:
                return True
    return False


def _with_specials(call: Call, place: int) -> Call:
    """Put zeros into one array, and a NaN and an infinity into the other."""
    random, arrays = np.random.default_rng(place), {}
    for number, (name, array) in enumerate(call.arrays.items()):
        array = array.copy()
        if number != place:
            array[random.random(array.shape) < 0.2] = 0
        elif array.size:
            array.flat[array.size // 2] = np.inf
            array.flat[0] = np.nan
        arrays[name] = array
    return Call(call.operation, call.case, arrays)


def random_layer(random, dtype: str) -> Case:
    """Draw a layer of some hundred thousand products at most, with padding that torch and TensorFlow both take."""
    while True:
        kernel = tuple(int(k) for k in random.integers(1, 5, 2))
        channels, outputs = (int(2 ** random.uniform(0, 5.5)) for _ in range(2))
        strides = tuple(int(s) for s in random.integers(1, 3, 2))
        height, width = (int(size) for size in random.integers(4, 16, 2))
        top, left = (int(random.integers(0, k // 2 + 1)) for k in kernel)
        padding = ((top, top), (left, left))
        case = Case(
            int(random.integers(1, 4)), height, width, channels, kernel, outputs, strides, padding=padding, dtype=dtype
        )
        if case.multiply_adds <= 2**20:
            return case


def layer_arrays(random, case: Case) -> dict[str, np.ndarray]:
    """Draw arrays as users have them: normal, rectified, positive, like an image, or smooth."""

    def drawn(shape):
        values = random.standard_normal(shape)
        kind = random.integers(5)
        if kind == 1:
            return np.maximum(values, 0)
        if kind == 2:
            return random.random(shape)
        if kind == 3:
            return random.integers(0, 256, shape) / 255
        return np.sin(np.arange(values.size) * 0.01).reshape(shape) if kind == 4 else values

    return {
        "input": drawn(case.input_sizes),
        "filters": random.standard_normal(case.filter_sizes) / 8,
        "out_backprop": drawn(case.output_shape),
    }
