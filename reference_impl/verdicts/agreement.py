"""The verdicts: when an answer agrees with the oracle. Each raises Disagreement; none returns a bool.

The only numerical tolerance of the suite is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.formats import FORMATS
from . import location
from .bits import same_bytes
from .call import Call, gauge, numpy_dtype
from .real_data import INDEPENDENT, RealTask
from .special_values import SpecialTask
from .statistics import statistics


@dataclass(frozen=True, eq=False)
class Difference:
    """An answer to a call, and a mask of its wrong elements; `worst` is the index of the worst one."""

    call: Call
    actual: np.ndarray
    expected: np.ndarray
    wrong: np.ndarray
    worst: tuple[int, ...]


class Disagreement(AssertionError):
    """A wrong answer. The message says how, `diagnosis` where; `ratio` is the worst error, in eps * gauge."""

    def __init__(
        self,
        message: str,
        ratio: float | None = None,
        diagnosis: str | None = None,
        difference: Difference | None = None,
    ) -> None:
        super().__init__(message)
        self.ratio = ratio
        self.diagnosis = diagnosis
        self.difference = difference


def assert_shape_and_dtype(actual: Any, shape: tuple[int, ...], dtype: str) -> None:
    """Require an array of exactly this shape and dtype."""
    # Comparisons with a masked array, a subclass, are masked too.
    if not isinstance(actual, np.ndarray) or isinstance(actual, np.ma.MaskedArray):
        raise Disagreement(f"the answer must be a NumPy array, not {type(actual).__name__}")
    if actual.shape != shape:
        raise Disagreement(f"the answer's shape must be {shape}, not {actual.shape}")
    if actual.dtype != numpy_dtype(dtype):
        raise Disagreement(
            f"the answer's dtype must be {dtype}, not {actual.dtype} (to declare another, use result_dtypes)"
        )


def assert_exact(actual: np.ndarray, expected: np.ndarray, call: Call, given: str = "") -> None:
    """Require that every element equals the oracle's, on integers, and the right sign of zero. NaN equals nothing.

    `given` describes the arguments at the beginning of the message, if they are unusual.

    A sum that is zero must be +0.0 where one of its products is not zero. Proof: numbers that are not zero and add up
    to zero give +0.0, in round-to-nearest and with fused multiply-adds too. So does +0.0 added to a zero of either
    sign. Hence every partial sum that has such a product is +0.0 or not zero. This holds in every order, and whether a
    kernel begins with +0.0, -0.0 or the first product.

    Where all products are zero, or there are none, the sign is not compared. It depends on where a kernel begins, and
    on whether it multiplies the padding: a zero times a negative weight is -0.0.
    """
    actual = _comparable(actual)
    wrong = actual != expected  # NaN too, which equals nothing
    heading = f"{given}on integers the answer must equal the oracle's"
    if not np.count_nonzero(wrong):  # quicker than `any` on small arrays
        wrong = _negative_zeros(actual)
        if np.count_nonzero(wrong):  # the gauge is above 0 where a product is not zero
            wrong &= gauge(call) > 0
        heading = f"{given}a sum that is zero must be +0.0 where its products are not all zero"
    if np.count_nonzero(wrong):
        raise _disagreement(actual, expected, wrong, _ratios(actual, expected, call), call, heading)


def assert_special_values(actual: np.ndarray, task: SpecialTask) -> bool | None:
    """Require that a NaN or infinity reaches exactly the elements whose sums it enters, and that all others are right.

    Elements `around`, where it can meet a zero that stands for padding, may be NaN instead. Returns True if one is,
    False if none is, and None if there are no such elements.
    """
    actual = _comparable(actual)
    with np.errstate(invalid="ignore"):
        right = (actual == task.expected) | (np.isnan(actual) & np.isnan(task.expected))
    multiplied = task.around & np.isnan(actual)
    wrong = ~(right | multiplied)
    if wrong.any():
        heading = f"{task.said} must reach exactly the elements whose sums it enters"
        ratios = np.where(wrong, np.inf, 0.0)
        raise _disagreement(actual, task.expected, wrong, ratios, task.call, heading)
    return bool(multiplied.any()) if task.around.any() else None


# The tests of the reference BLAS use this "threshold value of test ratio": https://www.netlib.org/blas/dblat3
THRESHOLD = 16


@dataclass(frozen=True)
class Accuracy:
    """The errors of an answer, in units of eps * gauge."""

    worst: float
    median: float


def assert_rounded(
    actual: np.ndarray,
    task: RealTask,
    dtype: str,
    factor: float = 1.0,
    *,
    flushes: bool = False,
    planewise: bool = False,
) -> Accuracy | None:
    """Require that every element is less than THRESHOLD * factor units from the exact answer.

    unit = eps * gauge + terms * lost

    eps is that of the answer's `dtype`. `lost` is the smallest subnormal number, as a product that underflows may lose
    that much; if the backend `flushes` subnormals, it is the smallest normal number. If the backend is `planewise`, the
    gauge is that of whole planes.

    The errors of independent data are also judged together, by their bias and spread (`statistics`), if the backend
    declares a plain sum.

    Where the gauge is zero, the answer must be zero. Where the gauge passes the dtype's range, the element may overflow
    and is not judged. NaN fails. Returns None if no element can be judged.
    """
    form = FORMATS[dtype]
    gauge = task.plane_gauge if planewise else task.gauge
    lost = form.smallest_normal if flushes else form.smallest_subnormal
    telling = gauge * (1 + form.eps) <= form.largest
    underflow = np.where(gauge > 0, task.terms * lost, 0.0)
    with np.errstate(all="ignore"):
        errors = np.abs(actual.astype(np.float64) - task.exact)
        ratios = np.where(errors == 0, 0.0, errors / (form.eps * gauge + underflow))
    ratios = np.nan_to_num(ratios, nan=np.inf, posinf=np.inf)
    wrong = telling & ~(ratios < THRESHOLD * factor)
    if wrong.any():
        unit = "eps * gauge of whole planes" if planewise else "eps * gauge"
        heading = f"the answer must be within {THRESHOLD * factor:g} {unit} of the exact one ({task.kind} data)"
        raise _disagreement(actual, task.exact, wrong, np.where(telling, ratios, 0.0), task.call, heading)
    if not telling.any():
        return None
    if task.kind in INDEPENDENT and factor == 1 and not planewise:
        # Halves may be summed as halves here: the check `wide_sums` is about that.
        found = statistics(actual, task.sums, dtype, dtype, any_order=False, flushes=flushes)
        if found is not None and found.complaint:
            raise Disagreement(f"each element is within its bound, but {found.complaint} ({task.kind} data)")
    return Accuracy(float(ratios[telling].max()), float(np.median(ratios[telling])))


def rounding_room(call: Call, *, planewise: bool = False) -> np.ndarray:
    """The most by which two right kernels may differ: twice the error that `assert_rounded` allows each."""
    form = FORMATS[call.case.dtype]
    task = RealTask("", call)
    terms = task.terms * form.smallest_subnormal
    return 2 * THRESHOLD * (form.eps * (task.plane_gauge if planewise else task.gauge) + terms)


def assert_same_bits(second: np.ndarray, first: np.ndarray) -> None:
    """Require that two answers to the same call are the same array, to the bit."""
    if second.shape != first.shape or second.dtype != first.dtype:
        raise Disagreement(
            f"the same call must give the same array twice; shape and dtype were {first.shape} {first.dtype}, "
            f"then {second.shape} {second.dtype}"
        )
    if not same_bytes(second, first):
        different = int((np.atleast_1d(_bits(second) != _bits(first))).sum())
        raise Disagreement(f"the same call must give the same bits twice; {different} of {first.size} elements differ")


def assert_own_memory(*, shares_memory: bool) -> None:
    """Require that the second answer lies outside the memory of the first, which a caller may still hold."""
    if shares_memory:
        raise Disagreement("each answer must have memory of its own; that of the second call lies in the first's")


def assert_unchanged(after: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> None:
    """Require that the arguments were not written to."""
    for name, array in before.items():
        if not same_bytes(after[name], array):
            changed = int((_bits(after[name]) != _bits(array)).sum())
            raise Disagreement(
                f"arguments must not be written to; {changed} of {array.size} elements of {name} changed"
            )


def _disagreement(
    actual: np.ndarray, expected: np.ndarray, wrong: np.ndarray, ratios: np.ndarray, call: Call, heading: str
) -> Disagreement:
    flat = int(np.argmax(np.where(wrong, ratios, -1.0)))
    worst = tuple(int(place) for place in np.unravel_index(flat, wrong.shape))
    axes = location.AXES[call.operation]
    index = ", ".join(f"{name} {position}" for name, position in zip(axes, worst, strict=True))
    where = location.locate(wrong, axes, call.case.groups)
    return Disagreement(
        f"{heading}\n"
        f"{int(wrong.sum())} of {wrong.size} elements are wrong\n"
        f"worst at [{', '.join(map(str, worst))}] ({index}): "
        f"actual {actual[worst]}, expected {expected[worst]}, ratio {ratios[worst]:.3g}",
        float(ratios[worst]),
        f"they lie: {where}",
        Difference(call, actual, expected, wrong, worst),
    )


def _ratios(actual: np.ndarray, expected: np.ndarray, call: Call) -> np.ndarray:
    """|actual - expected| / (eps * gauge) per element; infinite where the gauge is zero or the answer is NaN."""
    form = FORMATS.get(call.case.dtype)
    eps = form.eps if form else 1.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.abs(actual.astype(np.float64) - expected) / (eps * gauge(call))
    return np.where(actual == expected, 0.0, np.nan_to_num(ratios, nan=np.inf, posinf=np.inf))


def _negative_zeros(actual: np.ndarray) -> np.ndarray:
    return (actual == 0) & np.signbit(actual) if actual.dtype.kind == "f" else np.zeros(actual.shape, bool)


def _comparable(actual: np.ndarray) -> np.ndarray:
    """Convert bfloat16 to float64. NumPy compares that exactly with int64, as sums of floats stay below 2**53."""
    return actual if actual.dtype.kind in "biuf" else actual.astype(np.float64)


def _bits(array: np.ndarray) -> np.ndarray:
    contiguous = np.ascontiguousarray(array)
    return contiguous.view(f"u{contiguous.dtype.itemsize}") if contiguous.dtype.itemsize in (1, 2, 4, 8) else contiguous
