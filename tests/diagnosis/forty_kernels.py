"""Forty wrong kernels: each with the known mistake that it makes, or none, and the condition under which it is wrong.

The diagnosis has not been written for them: none is in the catalogue of mistakes, though some make one of its mistakes
under a condition. `benchmarks/forty_kernels.py` counts how many are diagnosed rightly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import reference_impl
from reference_impl.cases.case import Case
from reference_impl.mistakes import by_name

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Asked:
    """A call as a kernel gets it: its case, its arguments by position, and the memory of the kernel."""

    operation: str
    case: Case
    given: tuple[Any, ...]
    kept: dict[Any, Any]

    def right(self, *given: Any, **options: Any) -> np.ndarray:
        """Return the right answer, to other arguments or options where they are given."""
        given = given or self.given
        wide = [_wide(one) if isinstance(one, np.ndarray) else one for one in given]
        own = {name: getattr(self.case, name) for name in ("strides", "padding", "dilations", "groups")}
        answer = getattr(reference_impl, self.operation)(*wide, **{**own, **options})
        return answer.astype(self.case.dtype)

    def mistaken(self, name: str) -> np.ndarray:
        """Return the answer with a known mistake."""
        own = {name: getattr(self.case, name) for name in ("strides", "padding", "dilations", "groups")}
        return getattr(by_name(name).backend(), self.operation)(*self.given, **own)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int64 if array.dtype.kind in "biu" else np.float64)


@dataclass(frozen=True)
class WrongKernel:
    """A wrong kernel and the truth about it.

    Parameters
    ----------
    answer : makes the answer to a call, or raises an error
    wrong : the true condition; None if the data decide
        It holds on each case on which the kernel is wrong. On a few others the mistake changes nothing.
    mistakes : names of the known mistakes that it makes; any of them is a right diagnosis
    lacks : True if it refuses calls by a clear message
    remembers : True if it depends on earlier calls
    """

    name: str
    answer: Callable[[Asked], np.ndarray]
    wrong: Callable[[Case], bool] | None
    mistakes: tuple[str, ...] = ()
    operation: str = "conv2d"
    lacks: bool = False
    remembers: bool = False

    def backend(self) -> Any:
        """Make the kernel anew."""
        kept: dict[Any, Any] = {}

        def function(first: Any, second: Any, *others: Any, **options: Any) -> np.ndarray:
            case = _case_of(self.operation, (first, second, *others), options)
            return self.answer(Asked(self.operation, case, (first, second, *others), kept))

        kernel = type("Kernel", (), {self.operation: staticmethod(function), "name": self.name})
        return kernel()


def _case_of(operation: str, given: tuple[Any, ...], options: dict[str, Any]) -> Case:
    images, filters = given[:2]
    if operation == "conv2d_transpose":
        images = given[2]
    sizes, taps = (one.shape if isinstance(one, np.ndarray) else tuple(one) for one in (images, filters))
    dtype = str(next(one for one in given if isinstance(one, np.ndarray)).dtype)
    batch, height, width, channels = map(int, sizes)
    options = {name: _pair(value) if name in ("strides", "dilations") else value for name, value in options.items()}
    return Case(batch, height, width, channels, tuple(map(int, taps[:2])), int(taps[3]), dtype=dtype, **options)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


KERNELS: list[WrongKernel] = []


def kernel(name: str, wrong: Callable[[Case], bool] | None, *mistakes: str, **more: Any) -> Callable:
    """Add a function of `Asked` to KERNELS."""

    def register(answer: Callable[[Asked], np.ndarray]) -> Callable:
        KERNELS.append(WrongKernel(name, answer, wrong, mistakes, **more))
        return answer

    return register


def adds_one(name: str, wrong: Callable[[Case], bool], **more: Any) -> None:
    """Add a kernel that answers one too many where `wrong` holds."""

    @kernel(name, wrong, **more)
    def answer(asked: Asked) -> np.ndarray:
        right = asked.right()
        return right + right.dtype.type(1) if wrong(asked.case) else right


def mistaken_where(name: str, mistake: str, where: Callable[[Case], bool], **more: Any) -> None:
    """Add a kernel that makes a known mistake where `where` holds."""

    @kernel(name, where, mistake, **more)
    def answer(asked: Asked) -> np.ndarray:
        return asked.mistaken(mistake) if where(asked.case) else asked.right()


def refuses(name: str, message: str, where: Callable[[Case], bool], *, lacks: bool = True, **more: Any) -> None:
    """Add a kernel that raises an error where `where` holds."""

    @kernel(name, where, lacks=lacks, **more)
    def answer(asked: Asked) -> np.ndarray:
        if where(asked.case):
            raise (NotImplementedError if lacks else IndexError)(message)
        return asked.right()


def is_strided(case: Case) -> bool:
    return case.strides != (1, 1)


def is_dilated(case: Case) -> bool:
    return any(d > 1 and k > 1 for d, k in zip(case.dilations, case.kernel_size, strict=True))


def per_group(case: Case) -> int:
    return case.input_channels // case.groups


def has_multiplier(case: Case) -> bool:
    return 1 < case.groups == case.input_channels < case.output_channels


def pads(case: Case) -> tuple[tuple[int, int], tuple[int, int]]:
    return case.convolution.padding


# Numbers that are wrong under a condition, by no known mistake.
adds_one("batch-above-1", lambda case: case.batch > 1)
adds_one("kernel-other-than-3x3", lambda case: case.kernel_size != (3, 3))
adds_one("strided-or-dilated", lambda case: is_strided(case) or case.dilations != (1, 1))
adds_one("strided-in-a-batch", lambda case: is_strided(case) and case.batch > 1)
adds_one("tall-images", lambda case: case.height > case.width)
adds_one("one-output-position", lambda case: case.output_shape[1:3] == (1, 1))
adds_one("odd-channels-in-a-batch", lambda case: case.input_channels % 2 == 1 and case.batch > 1)
adds_one("grouped-under-same", lambda case: case.groups > 1 and case.padding == "SAME")
adds_one("ten-taps", lambda case: case.kernel_size[0] * case.kernel_size[1] >= 10, operation="conv2d_backprop_input")
adds_one("multiplier-in-the-filter-gradient", has_multiplier, operation="conv2d_backprop_filter")
adds_one("float64-strided", lambda case: case.dtype == "float64" and is_strided(case), operation="conv2d_transpose")


@kernel("eight-channels-per-group", lambda case: per_group(case) > 8)
def _eight_channels(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    filters = filters.copy()
    filters[:, :, 8:] = 0
    return asked.right(images, filters)


@kernel("outputs-in-fours", lambda case: case.output_channels % 4 > 0)
def _outputs_in_fours(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[..., answer.shape[3] // 4 * 4 :] = 0
    return answer


@kernel("sixteen-columns", lambda case: case.output_shape[2] > 16)
def _sixteen_columns(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[:, :, 16:] = 0
    return answer


@kernel("top-and-left-exchanged", lambda case: case.padding_mode == "EXPLICIT" and pads(case)[0][0] != pads(case)[1][0])
def _top_and_left(asked: Asked) -> np.ndarray:
    if asked.case.padding_mode != "EXPLICIT":
        return asked.right()
    (top, bottom), (left, right) = pads(asked.case)
    return asked.right(padding=((left, bottom), (top, right)))


@kernel(
    "pads-before-on-both-sides", lambda case: case.padding_mode == "EXPLICIT" and any(a != b for a, b in pads(case))
)
def _pads_before(asked: Asked) -> np.ndarray:
    if asked.case.padding_mode != "EXPLICIT":
        return asked.right()
    (top, _), (left, _) = pads(asked.case)
    return asked.right(padding=((top, top), (left, left)))


@kernel(
    "pads-up-to-the-kernel",
    lambda case: (
        case.padding_mode == "EXPLICIT" and any(max(p) >= k for p, k in zip(pads(case), case.kernel_size, strict=True))
    ),
)
def _pads_up_to_the_kernel(asked: Asked) -> np.ndarray:
    case = asked.case
    if case.padding_mode != "EXPLICIT":
        return asked.right()
    most = [tuple(min(pad, k - 1) for pad in pair) for pair, k in zip(pads(case), case.kernel_size, strict=True)]
    return asked.right(padding=tuple(most))


@kernel("leftover-rows-under-valid", lambda case: case.padding == "VALID" and case.convolution.height.leftover > 0)
def _leftover_rows(asked: Asked) -> np.ndarray:
    answer = asked.right()
    if asked.case.padding == "VALID" and asked.case.convolution.height.leftover:
        answer[:, -1] += 1
    return answer


@kernel("ones-in-leftover-rows", lambda case: case.convolution.height.leftover > 0, operation="conv2d_backprop_input")
def _ones_in_leftover_rows(asked: Asked) -> np.ndarray:
    answer, axis = asked.right(), asked.case.convolution.height
    read = axis.padded_size - axis.leftover - axis.pad_before
    answer[:, max(read, 0) :] = 1
    return answer


@kernel("ones-for-zeros-in-the-filter-gradient", None, operation="conv2d_backprop_filter")
def _ones_for_zeros(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[answer == 0] = 1
    return answer


# Known mistakes.


@kernel(
    "ignores-groups-and-dilation",
    lambda case: case.groups > 1 or is_dilated(case),
    "groups-all-read-the-first",
    "size-and-taps-without-dilation",
)
def _ignores_groups_and_dilation(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    return asked.right(images[..., : filters.shape[2]], filters, groups=1, dilations=1)


@kernel("float16-accumulators", None, "float16-accumulation", "sums-saturate-at-16-bits", "result-rounded-to-float16")
def _float16_accumulators(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    sums = np.zeros(asked.case.output_shape, np.float16)
    with np.errstate(all="ignore"):
        for tap in np.ndindex(filters.shape[:2]):
            alone = np.zeros_like(filters)
            alone[tap] = filters[tap]
            sums += asked.right(images, alone).astype(np.float16)
    return sums.astype(asked.case.dtype)


@kernel(
    "multiplier-order",
    lambda case: has_multiplier(case),
    "depth-multiplier-order",
    "groups-interleaved-in-the-output",
)
def _multiplier_order(asked: Asked) -> np.ndarray:
    answer = asked.right()
    if not has_multiplier(asked.case):
        return answer
    groups = asked.case.groups
    parts = answer.reshape(*answer.shape[:3], groups, -1)
    return parts.swapaxes(3, 4).reshape(answer.shape)


@kernel("layout-and-groups", lambda case: case.groups > 1, "groups-all-read-the-first")
def _layout_and_groups(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    if not images.flags.c_contiguous:
        images = images.ravel("K").reshape(images.shape)
    return asked.right(images[..., : filters.shape[2]], filters, groups=1)


@kernel(
    "filters-transposed-where-square",
    lambda case: case.input_channels == case.output_channels > 1 and case.groups == 1,
    "filters-read-as-hwoi",
)
def _filters_transposed(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    square = filters.shape[2] == filters.shape[3] and asked.case.groups == 1
    return asked.right(images, filters.transpose(0, 1, 3, 2) if square else filters)


mistaken_where(
    "strides-transposed-in-a-batch",
    "strides-and-sizes-exchanged",
    lambda case: case.batch > 1 and case.strides[0] != case.strides[1],
)
mistaken_where("flipped-where-grouped", "kernel-flipped", lambda case: case.groups > 1)
mistaken_where(
    "upside-down-where-even", "kernel-upside-down", lambda case: any(size % 2 == 0 for size in case.kernel_size)
)
mistaken_where(
    "stride-forgotten-by-1x1", "stride-forgotten", lambda case: case.kernel_size == (1, 1) and is_strided(case)
)
mistaken_where(
    "dilation-forgotten-where-grouped", "dilation-forgotten", lambda case: case.groups > 1 and is_dilated(case)
)
mistaken_where("same-in-a-batch", "same-odd-element-before", lambda case: case.batch > 1 and case.padding == "SAME")
mistaken_where(
    "mean-over-batch-where-strided",
    "mean-over-batch",
    lambda case: case.batch > 1 and is_strided(case),
    operation="conv2d_backprop_filter",
)
mistaken_where(
    "not-flipped-where-strided",
    "kernel-not-flipped-in-input-gradient",
    is_strided,
    operation="conv2d_backprop_input",
)


# Caches.


@kernel(
    "answers-kept-without-padding",
    lambda case: case.padding != "VALID",
    "plan-kept-without-the-pads",
    "remembers-its-answers",
    remembers=True,
)
def _answers_kept(asked: Asked) -> np.ndarray:
    case = asked.case
    key = case.dtype, case.strides, case.dilations, case.groups, *((one.shape, one.tobytes()) for one in asked.given)
    return asked.kept.setdefault(key, asked.right()).copy()


@kernel("filters-kept-by-shape", None, "remembers-its-filters", remembers=True)
def _filters_kept(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    key = filters.shape, filters.dtype, asked.case.strides
    return asked.right(images, asked.kept.setdefault(key, filters.copy()))


# Refusals.
refuses("refuses-dilation", "dilation is not supported", lambda case: case.dilations != (1, 1))
refuses("refuses-groups", "Only groups==1", lambda case: case.groups != 1)
refuses(
    "refuses-uneven-pads",
    "only symmetric padding is supported",
    lambda case: case.padding_mode == "EXPLICIT" and any(a != b for a, b in pads(case)),
)
refuses("refuses-same-lower", "unknown padding 'SAME_LOWER'", lambda case: case.padding == "SAME_LOWER")
refuses(
    "index-error-of-one-column",
    "index 1 is out of bounds for axis 2 with size 1",
    lambda case: case.width == 1 and case.batch > 1,
    lacks=False,
)
