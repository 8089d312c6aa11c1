"""Every check catches the fault that it is there for, and no right backend."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.task import Task

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1")


class AnswersInFloat64(Right):
    def spoil(self, answer, arrays):
        return answer.astype(np.float64)


class DropsTheLastAxis(Right):
    def spoil(self, answer, arrays):
        return answer.reshape((*answer.shape[:-1], 1, -1))


class AnswersAList(Right):
    def spoil(self, answer, arrays):
        return answer.tolist()


class OneElementOff(Right):
    def spoil(self, answer, arrays):
        answer.flat[-1] += 1
        return answer


class OneElementNaN(Right):
    def spoil(self, answer, arrays):
        answer.flat[0] = np.nan
        return answer


class RoundsToBfloat16(Right):
    def _answer(self, operation, *args, **options):
        import ml_dtypes

        rounded = [a.astype(ml_dtypes.bfloat16).astype(a.dtype) if isinstance(a, np.ndarray) else a for a in args]
        return super()._answer(operation, *rounded, **options)


class WritesToAnArgument(Right):
    def spoil(self, answer, arrays):
        arrays[1].flat[0] += 1
        return answer


class AnswersDifferentlyEachTime(Right):
    def __init__(self):
        self.calls = itertools.count()

    def spoil(self, answer, arrays):
        return answer + next(self.calls)


class KeepsItsAnswers(Right):
    """Like a kernel that is memoised, and gives the array that it keeps to each of its callers."""

    def __init__(self):
        self.kept = {}

    def spoil(self, answer, arrays):
        # The answer stands for the options. Keys without them would fail `other_options` too.
        return self.kept.setdefault((answer.shape, answer.tobytes(), *(array.tobytes() for array in arrays)), answer)


class AnswersInOneMemory(Right):
    """Like a kernel that keeps an array for its answers, for each shape, and gives that to its callers."""

    def __init__(self):
        self.kept = {}

    def spoil(self, answer, arrays):
        memory = self.kept.setdefault((answer.shape, answer.dtype), np.empty_like(answer))
        memory[...] = answer
        return memory


class RemembersArguments(Right):
    """Like a kernel that packs an array once, and knows it again by its address."""

    def __init__(self):
        self.packed = {}

    def _answer(self, operation, *args, **options):
        packed = [self._packed(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
        return super()._answer(operation, *packed, **options)

    def _packed(self, array):
        # With the array itself, which so keeps its address.
        return self.packed.setdefault(id(array), (array, array.copy()))[1]


class AnswersMasked(Right):
    def spoil(self, answer, arrays):
        return np.ma.masked_array(np.zeros_like(answer), mask=True)


class SwallowsNaN(Right):
    """Like a kernel that clips, or that sums with `nansum`."""

    def _answer(self, operation, *args, **options):
        clean = [np.nan_to_num(arg, posinf=9, neginf=-9) if isinstance(arg, np.ndarray) else arg for arg in args]
        return super()._answer(operation, *clean, **options)


class SpreadsNaNOverTheImage(Right):
    """Like a kernel that multiplies other positions by zeros in place of leaving them out."""

    def spoil(self, answer, arrays):
        answer[np.isnan(answer).any(axis=tuple(range(1, answer.ndim)))] = np.nan
        return answer


class ReadsMemoryInOrder(Right):
    """Like a kernel in C that is handed a pointer, and no strides."""

    def _answer(self, operation, *args, **options):
        return super()._answer(
            operation, *[_as_read(arg) if isinstance(arg, np.ndarray) else arg for arg in args], **options
        )


def _as_read(array):
    if not all(array.strides):
        return array
    memory = array if array.base is None or array.flags.c_contiguous else array.base
    return memory.ravel("K")[: array.size].reshape(array.shape)


class TakesCutsForWholeArrays(Right):
    """Like a kernel that takes the images of an array to follow one another in memory."""

    def _answer(self, operation, *args, **options):
        return super()._answer(
            operation, *[_as_whole(arg) if isinstance(arg, np.ndarray) else arg for arg in args], **options
        )


def _as_whole(array):
    usual = tuple(int(np.prod(array.shape[axis + 1 :])) * array.itemsize for axis in range(array.ndim))
    forwards = sorted(array.strides, reverse=True) == list(array.strides) and min(array.strides) > 0
    return as_strided(array, strides=usual) if forwards else array


class TakesOneArrayForTwo(Right):
    """Like a kernel that writes to its argument, and restores that at the end."""

    def spoil(self, answer, arrays):
        return answer * 2 if np.may_share_memory(*arrays) else answer


class ReadsRepeatedElementsOnce(Right):
    def spoil(self, answer, arrays):
        return answer if all(map(all, (array.strides for array in arrays))) else answer * 0


class KeepsItsPlan(Right):
    """Like a kernel whose plans are found again by the shapes of its arrays, and not by its options."""

    def __init__(self):
        self.plans = {}

    def _answer(self, operation, *args, **options):
        key = operation, *(arg.shape if isinstance(arg, np.ndarray) else tuple(arg) for arg in args)
        return super()._answer(operation, *args, **self.plans.setdefault(key, options))


class KeepsNaN(Right):
    """Like a kernel that clears its accumulator by multiplying it by 0; a call on other shapes makes a new one."""

    def __init__(self):
        self.sums = np.zeros(())

    def spoil(self, answer, arrays):
        kept = self.sums * 0 if self.sums.shape == answer.shape and np.isnan(self.sums).mean() > 0.5 else 0
        self.sums = answer
        return answer + kept


class TunesAfterTenEqualCalls(Right):
    """Like a kernel that takes another path after ten calls on one filter."""

    def __init__(self):
        self.last, self.count = b"", 0

    def spoil(self, answer, arrays):
        given = arrays[1].tobytes()
        self.count = self.count + 1 if given == self.last else 1
        self.last = given
        return answer + (self.count == 11)


class SharesItsWorkspace(Right):
    """Like a kernel that keeps its arguments in itself while it computes."""

    def __init__(self):
        self.meeting = threading.Barrier(2)

    def _answer(self, operation, *args, **options):
        self.args = args
        if threading.current_thread() is not threading.main_thread():
            self.meeting.wait(60)  # so that two calls meet each time, and not by chance
        return super()._answer(operation, *self.args, **options)


class AddsInFloat16(Right):
    """Like a kernel that adds in the dtype of its arguments."""

    capabilities = Capabilities(dtypes=("float16",))

    def _answer(self, operation, *args, **options):
        arrays = [array for array in args if isinstance(array, np.ndarray)]
        few = [np.where(array < np.float16(0.001), 0, array) if array.min() > 0 else array for array in arrays]
        given = iter(few)
        return super()._answer(
            operation, *[next(given) if isinstance(arg, np.ndarray) else arg for arg in args], **options
        )


class AddsInUint8(Right):
    """Like a kernel that adds in the dtype of its arguments, and answers in a wider one."""

    capabilities = Capabilities(dtypes=("uint8",), result_dtypes={"uint8": "int32"})

    def spoil(self, answer, arrays):
        return answer.astype(np.uint8).astype(np.int32)


class IgnoresItsBias(Right):
    def conv2d(self, *args, bias=None, **options):
        return self._answer("conv2d", *args, **options)


class AddsItsBias(Right):
    def conv2d(self, *args, bias=0, **options):
        return self._answer("conv2d", *args, **options) + bias


class AddsOneBiasToAll(AddsItsBias):
    """Right in conv2d; conv2d_transpose adds the bias of the first channel to all."""

    def conv2d_transpose(self, *args, bias=(0,), **options):
        return self._answer("conv2d_transpose", *args, **options) + bias[0]


class AveragesTheGradientOfItsBias(AddsItsBias):
    """Right but for the gradient of the bias, which is the mean over the images."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, bias=False, **options):
        if bias:
            return out_backprop.sum((0, 1, 2)) / out_backprop.dtype.type(len(out_backprop))
        return self._answer("conv2d_backprop_filter", input, filter_sizes, out_backprop, **options)


class SumsTheGradientOfItsBias(AddsItsBias):
    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, bias=False, **options):
        if bias:
            return out_backprop.sum((0, 1, 2))
        return self._answer("conv2d_backprop_filter", input, filter_sizes, out_backprop, **options)

    def conv2d_transpose(self, *args, bias=0, **options):
        return self._answer("conv2d_transpose", *args, **options) + bias


class DependsOnTheBatch(Right):
    """Right for one image and for many, within rounding; but not to the same bits."""

    def spoil(self, answer, arrays):
        return np.nextafter(answer, 0) if len(answer) > 1 and (answer % 1).any() else answer


class AnswersNegativeZeros(Right):
    """Like a kernel that adds up the negated products, and negates the sum."""

    def spoil(self, answer, arrays):
        return np.where(answer == 0, answer.dtype.type(-0.0), answer)


class Raises(Right):
    capabilities = Capabilities(dtypes=("float16", "float32"))

    def conv2d(self, *args, bias=None, **options):
        return self._answer("conv2d", *args, **options)

    def spoil(self, answer, arrays):
        raise RuntimeError("could not create a primitive")


def outcomes(backend, operation, case=CASE, only=None):
    """The worst of three seeds, by check."""
    checks = [check for check in CHECKS if check.name == only] if only else None
    found = {}
    for seed in range(3):
        for record in judge(Subject.of(backend), case, operation, seed, checks=checks):
            if found.get(record.check, outcome.PASS) == outcome.PASS:
                found[record.check] = record.outcome
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_checks_pass_a_right_backend(operation, dtype):
    assert set(outcomes(Right(), operation, CASE.with_dtype(dtype)).values()) == {outcome.PASS}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (AnswersInFloat64, "shape_and_dtype"),
        (DropsTheLastAxis, "shape_and_dtype"),
        (AnswersAList, "shape_and_dtype"),
        (AnswersMasked, "shape_and_dtype"),
        (OneElementOff, "exact"),
        (OneElementNaN, "exact"),
        (RoundsToBfloat16, "exact"),
        (WritesToAnArgument, "inputs_unchanged"),
        (AnswersDifferentlyEachTime, "repeatable"),
        (AnswersInOneMemory, "repeatable"),
        (RemembersArguments, "remembers_nothing"),
        (SwallowsNaN, "special_values"),
        (AnswersNegativeZeros, "zero_sums"),
        (ReadsMemoryInOrder, "any_memory_layout"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_check_catches_its_fault(backend, check, operation):
    assert outcomes(backend(), operation, only=check) == {check: outcome.FAIL}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (KeepsItsAnswers, "repeatable"),
        (RemembersArguments, "remembers_nothing"),
        (SwallowsNaN, "special_values"),
        (ReadsMemoryInOrder, "any_memory_layout"),
        (TakesCutsForWholeArrays, "any_memory_layout"),
        (TakesOneArrayForTwo, "shared_arguments"),
        (ReadsRepeatedElementsOnce, "shared_arguments"),
        (KeepsItsPlan, "other_options"),
        (KeepsNaN, "dirty_memory"),
        (TunesAfterTenEqualCalls, "many_calls"),
        (SharesItsWorkspace, "two_threads"),
    ],
)
def test_only_its_check_catches_it(backend, check, operation):
    failed = {name: came for name, came in outcomes(backend(), operation).items() if came != outcome.PASS}
    assert failed == {check: outcome.FAIL}


@pytest.mark.parametrize(
    ("backend", "case"),
    [(AddsInFloat16, "n2_h5w6c10_k3x2o10_float16"), (AddsInUint8, "n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1_uint8")],
)
def test_only_wide_sums_catches_narrow_ones(backend, case):
    failed = {name for name, came in outcomes(backend(), "conv2d", Case.parse(case)).items() if came == outcome.FAIL}
    assert failed == {"wide_sums"}


@pytest.mark.parametrize(
    ("backend", "operation"),
    [
        (IgnoresItsBias, "conv2d"),
        (AddsOneBiasToAll, "conv2d_transpose"),
        (AveragesTheGradientOfItsBias, "conv2d_backprop_filter"),
    ],
)
def test_only_bias_catches_a_wrong_bias(backend, operation):
    failed = {name: came for name, came in outcomes(backend(), operation).items() if came != outcome.PASS}
    assert failed == {"bias": outcome.FAIL}  # the definition, which knows no bias, confirms the oracle


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_filter", "conv2d_transpose"])
def test_right_bias_passes(operation):
    assert outcomes(SumsTheGradientOfItsBias(), operation)["bias"] == outcome.PASS


def seen(backend, operation, check, case=CASE):
    (record,) = [record for record in judge(Subject.of(backend), case, operation) if record.check == check]
    assert record.outcome == outcome.PASS
    return record.remark


def test_a_backend_that_writes_to_its_arguments_leaves_the_problem_as_it_was():
    task = Task(CASE, "conv2d", 0)
    judge(Subject.of(WritesToAnArgument()), CASE, "conv2d", 0, task)
    assert {record.outcome for record in judge(Subject.of(Right()), CASE, "conv2d", 0, task)} == {outcome.PASS}


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_input", "conv2d_transpose"])
@pytest.mark.parametrize(("backend", "bits"), [(Right, "same"), (DependsOnTheBatch, "other")])
def test_batch_invariance_is_reported(backend, bits, operation):
    assert seen(backend(), operation, "batch_invariant").endswith(bits)


class BeginsWithNegativeZero(Right):
    """Adds the products one after another to -0.0, those with the padding's zeros too: -0.0 where all are -0.0."""

    def _answer(self, operation, *args, **options):
        answer = super()._answer(operation, *args, **options)
        absolute = [np.abs(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
        empty = super()._answer(operation, *absolute, **options) == 0
        return np.where(empty, answer.dtype.type(-0.0), answer)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_sign_of_a_zero_without_a_nonzero_product_is_free(operation):
    case = Case.parse("n1_h3w4c2_k2x3o3_s3x1_p4,0,0,5")
    answer = BeginsWithNegativeZero()._answer(operation, *Task(case, operation, 0).call.positional(), **case.options)
    assert (np.signbit(answer) & (answer == 0)).any() or operation == "conv2d_backprop_filter"
    assert set(outcomes(BeginsWithNegativeZero(), operation, case).values()) == {outcome.PASS}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", ["n2_h7w9c3_k3x2o4", "n2_h5w4c64_k3x3o64", "n1_h40w30c2_k3x3o2"])
def test_small_integers_have_sums_that_vanish(spec, operation):
    small = Task(Case.parse(spec), operation, 0).small
    assert max(np.abs(array).max() for array in small.call.arrays.values()) == 2
    assert all(array.all() for array in small.call.arrays.values())
    assert not small.expected.all() or operation == "conv2d_backprop_filter"


class TakesBfloat16(Right):
    capabilities = Capabilities(dtypes=("bfloat16",))


def test_nearly_all_zeros_are_mistrusted():
    # 360 products of 1 and -1 are too many for bfloat16, and few windows touch the image.
    case = Case.parse("n1_h3w3c40_k3x3o1_p20,20,20,20_bfloat16")
    (record,) = [record for record in judge(Subject.of(TakesBfloat16()), case, "conv2d") if record.check == "exact"]
    assert record.outcome == outcome.MISTRUSTED
    assert "99% of the answer is zero" in record.remark
    assert not record.unexpected


@pytest.mark.parametrize("check", [check.name for check in CHECKS])
def test_check_records_a_refusal_when_the_backend_raises(check):
    case = Case.parse("n2_h5w6c10_k3x2o10_float16") if check == "wide_sums" else CASE
    assert outcomes(Raises(), "conv2d", case, only=check) == {check: outcome.REFUSED}
