"""Forty wrong kernels: each with the known mistake that it makes, or none, and the condition under which it is wrong.

The diagnosis has not been written for them: none is in the catalogue of mistakes, though some make one of its mistakes
under a condition. `benchmarks/forty_kernels.py` counts how many are diagnosed rightly.
"""

from __future__ import annotations

import numpy as np
from diagnosis.wrong_kernels import Asked, Kernels, has_multiplier, is_dilated, is_strided, pads, per_group

KERNELS = Kernels()

# Numbers that are wrong under a condition, by no known mistake.
KERNELS.adds_one("batch-above-1", lambda case: case.batch > 1)
KERNELS.adds_one("kernel-other-than-3x3", lambda case: case.kernel_size != (3, 3))
KERNELS.adds_one("strided-or-dilated", lambda case: is_strided(case) or case.dilations != (1, 1))
KERNELS.adds_one("strided-in-a-batch", lambda case: is_strided(case) and case.batch > 1)
KERNELS.adds_one("tall-images", lambda case: case.height > case.width)
KERNELS.adds_one("one-output-position", lambda case: case.output_shape[1:3] == (1, 1))
KERNELS.adds_one("odd-channels-in-a-batch", lambda case: case.input_channels % 2 == 1 and case.batch > 1)
KERNELS.adds_one("grouped-under-same", lambda case: case.groups > 1 and case.padding == "SAME")
KERNELS.adds_one(
    "ten-taps", lambda case: case.kernel_size[0] * case.kernel_size[1] >= 10, operation="conv2d_backprop_input"
)
KERNELS.adds_one("multiplier-in-the-filter-gradient", has_multiplier, operation="conv2d_backprop_filter")
KERNELS.adds_one(
    "float64-strided", lambda case: case.dtype == "float64" and is_strided(case), operation="conv2d_transpose"
)


@KERNELS.add("eight-channels-per-group", lambda case: per_group(case) > 8)
def _eight_channels(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    filters = filters.copy()
    filters[:, :, 8:] = 0
    return asked.right(images, filters)


@KERNELS.add("outputs-in-fours", lambda case: case.output_channels % 4 > 0)
def _outputs_in_fours(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[..., answer.shape[3] // 4 * 4 :] = 0
    return answer


@KERNELS.add("sixteen-columns", lambda case: case.output_shape[2] > 16)
def _sixteen_columns(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[:, :, 16:] = 0
    return answer


@KERNELS.add(
    "top-and-left-exchanged", lambda case: case.padding_mode == "EXPLICIT" and pads(case)[0][0] != pads(case)[1][0]
)
def _top_and_left(asked: Asked) -> np.ndarray:
    if asked.case.padding_mode != "EXPLICIT":
        return asked.right()
    (top, bottom), (left, right) = pads(asked.case)
    return asked.right(padding=((left, bottom), (top, right)))


@KERNELS.add(
    "pads-before-on-both-sides", lambda case: case.padding_mode == "EXPLICIT" and any(a != b for a, b in pads(case))
)
def _pads_before(asked: Asked) -> np.ndarray:
    if asked.case.padding_mode != "EXPLICIT":
        return asked.right()
    (top, _), (left, _) = pads(asked.case)
    return asked.right(padding=((top, top), (left, left)))


@KERNELS.add(
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


@KERNELS.add("leftover-rows-under-valid", lambda case: case.padding == "VALID" and case.convolution.height.leftover > 0)
def _leftover_rows(asked: Asked) -> np.ndarray:
    answer = asked.right()
    if asked.case.padding == "VALID" and asked.case.convolution.height.leftover:
        answer[:, -1] += 1
    return answer


@KERNELS.add(
    "ones-in-leftover-rows", lambda case: case.convolution.height.leftover > 0, operation="conv2d_backprop_input"
)
def _ones_in_leftover_rows(asked: Asked) -> np.ndarray:
    answer, axis = asked.right(), asked.case.convolution.height
    read = axis.padded_size - axis.leftover - axis.pad_before
    answer[:, max(read, 0) :] = 1
    return answer


@KERNELS.add("ones-for-zeros-in-the-filter-gradient", None, operation="conv2d_backprop_filter")
def _ones_for_zeros(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[answer == 0] = 1
    return answer


# Known mistakes.


@KERNELS.add(
    "ignores-groups-and-dilation",
    lambda case: case.groups > 1 or is_dilated(case),
    "groups-all-read-the-first",
    "size-and-taps-without-dilation",
)
def _ignores_groups_and_dilation(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    return asked.right(images[..., : filters.shape[2]], filters, groups=1, dilations=1)


@KERNELS.add(
    "float16-accumulators", None, "float16-accumulation", "sums-saturate-at-16-bits", "result-rounded-to-float16"
)
def _float16_accumulators(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    sums = np.zeros(asked.case.output_shape, np.float16)
    with np.errstate(all="ignore"):
        for tap in np.ndindex(filters.shape[:2]):
            alone = np.zeros_like(filters)
            alone[tap] = filters[tap]
            sums += asked.right(images, alone).astype(np.float16)
    return sums.astype(asked.case.dtype)


@KERNELS.add(
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


@KERNELS.add("layout-and-groups", lambda case: case.groups > 1, "groups-all-read-the-first")
def _layout_and_groups(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    if not images.flags.c_contiguous:
        images = images.ravel("K").reshape(images.shape)
    return asked.right(images[..., : filters.shape[2]], filters, groups=1)


@KERNELS.add(
    "filters-transposed-where-square",
    lambda case: case.input_channels == case.output_channels > 1 and case.groups == 1,
    "filters-read-as-hwoi",
)
def _filters_transposed(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    square = filters.shape[2] == filters.shape[3] and asked.case.groups == 1
    return asked.right(images, filters.transpose(0, 1, 3, 2) if square else filters)


KERNELS.mistaken_where(
    "strides-transposed-in-a-batch",
    "strides-and-sizes-exchanged",
    lambda case: case.batch > 1 and case.strides[0] != case.strides[1],
)
KERNELS.mistaken_where("flipped-where-grouped", "kernel-flipped", lambda case: case.groups > 1)
KERNELS.mistaken_where(
    "upside-down-where-even", "kernel-upside-down", lambda case: any(size % 2 == 0 for size in case.kernel_size)
)
KERNELS.mistaken_where(
    "stride-forgotten-by-1x1", "stride-forgotten", lambda case: case.kernel_size == (1, 1) and is_strided(case)
)
KERNELS.mistaken_where(
    "dilation-forgotten-where-grouped", "dilation-forgotten", lambda case: case.groups > 1 and is_dilated(case)
)
KERNELS.mistaken_where(
    "same-in-a-batch", "same-odd-element-before", lambda case: case.batch > 1 and case.padding == "SAME"
)
KERNELS.mistaken_where(
    "mean-over-batch-where-strided",
    "mean-over-batch",
    lambda case: case.batch > 1 and is_strided(case),
    operation="conv2d_backprop_filter",
)
KERNELS.mistaken_where(
    "not-flipped-where-strided",
    "kernel-not-flipped-in-input-gradient",
    is_strided,
    operation="conv2d_backprop_input",
)


# Caches.


@KERNELS.add(
    "answers-kept-without-padding",
    lambda case: case.padding != "VALID",
    "plan-kept-without-the-pads",
    "remembers-its-answers",
    remembers="padding",
)
def _answers_kept(asked: Asked) -> np.ndarray:
    case = asked.case
    key = case.dtype, case.strides, case.dilations, case.groups, *((one.shape, one.tobytes()) for one in asked.given)
    return asked.kept.setdefault(key, asked.right()).copy()


@KERNELS.add("filters-kept-by-shape", None, "remembers-its-filters", remembers="filters")
def _filters_kept(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    key = filters.shape, filters.dtype, asked.case.strides
    return asked.right(images, asked.kept.setdefault(key, filters.copy()))


# Refusals.
KERNELS.refuses("refuses-dilation", "dilation is not supported", lambda case: case.dilations != (1, 1))
KERNELS.refuses("refuses-groups", "Only groups==1", lambda case: case.groups != 1)
KERNELS.refuses(
    "refuses-uneven-pads",
    "only symmetric padding is supported",
    lambda case: case.padding_mode == "EXPLICIT" and any(a != b for a, b in pads(case)),
)
KERNELS.refuses("refuses-same-lower", "unknown padding 'SAME_LOWER'", lambda case: case.padding == "SAME_LOWER")
KERNELS.refuses(
    "index-error-of-one-column",
    "index 1 is out of bounds for axis 2 with size 1",
    lambda case: case.width == 1 and case.batch > 1,
    lacks=False,
)
