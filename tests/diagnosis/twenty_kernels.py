"""Twenty wrong kernels, written as people and language models write them, to measure the diagnosis.

`benchmarks/forty_kernels.py --twenty` measured them before anything was changed for them: named rightly 14 of 20,
conditions true 20 of 28, smallest cases minimal 17 of 19, "only there" or "all there" false 4 of 10. Since then single
ones of them have been looked at, so they are held out no more; `ten_kernels.py` was written for that.
"""

from __future__ import annotations

import numpy as np
from diagnosis.wrong_kernels import Asked, Kernels, has_multiplier, is_dilated, is_strided, pads, per_group

KERNELS = Kernels()

FILTER, INPUT, TRANSPOSE = "conv2d_backprop_filter", "conv2d_backprop_input", "conv2d_transpose"


@KERNELS.add("one-filter-for-all-groups", lambda case: case.groups > 1, "groups-share-filters")
def _one_filter(asked: Asked) -> np.ndarray:
    images, filters = asked.given
    groups = asked.case.groups
    inputs, outputs = per_group(asked.case), filters.shape[3] // groups
    parts = [
        asked.right(images[..., group * inputs : (group + 1) * inputs], filters[..., :outputs], groups=1)
        for group in range(groups)
    ]
    return np.concatenate(parts, axis=3)


@KERNELS.add(
    "stride-on-rows-only",
    lambda case: case.strides[1] > 1 and case.output_shape[2] > 1,
    "stride-of-width-ignored",
    operation=INPUT,
)
def _stride_on_rows(asked: Asked) -> np.ndarray:
    sizes, filters, cotangent = asked.given
    case = asked.case
    (top, bottom), (left, right) = pads(case)
    padded = case.height + top + bottom, case.width + left + right
    sums = np.zeros((case.batch, *padded, case.input_channels), np.float64)
    for row in range(filters.shape[0]):
        for column in range(filters.shape[1]):
            for group in range(case.groups):
                outs = slice(group * (filters.shape[3] // case.groups), (group + 1) * (filters.shape[3] // case.groups))
                ins = slice(group * filters.shape[2], (group + 1) * filters.shape[2])
                added = cotangent[..., outs].astype(np.float64) @ filters[row, column, :, outs].astype(np.float64).T
                first = row * case.dilations[0]
                rows = slice(first, first + (added.shape[1] - 1) * case.strides[0] + 1, case.strides[0])
                start = column * case.dilations[1]
                sums[:, rows, start : start + added.shape[2], ins] += added  # the columns have no stride
    return sums[:, top : top + sizes[1], left : left + sizes[2]].astype(case.dtype)


@KERNELS.add(
    "same-on-the-wrong-side-of-even-kernels",
    lambda case: case.padding == "SAME" and any(size % 2 == 0 for size in case.kernel_size),
    "same-odd-element-before",
)
def _same_of_even(asked: Asked) -> np.ndarray:
    if asked.case.padding != "SAME":
        return asked.right()
    turned = [
        pair[::-1] if size % 2 == 0 else pair
        for pair, size in zip(pads(asked.case), asked.case.kernel_size, strict=True)
    ]
    return asked.right(padding=tuple(turned))


@KERNELS.add(
    "multiplier-order-in-the-filter-gradient",
    has_multiplier,
    "depth-multiplier-order",
    "groups-interleaved-in-the-output",
    operation=FILTER,
)
def _multiplier_order(asked: Asked) -> np.ndarray:
    images, sizes, cotangent = asked.given
    if has_multiplier(asked.case):
        parts = cotangent.reshape(*cotangent.shape[:3], -1, asked.case.groups)
        cotangent = parts.swapaxes(3, 4).reshape(cotangent.shape)
    return asked.right(images, sizes, cotangent)


@KERNELS.add(
    "whole-tiles-of-8-output-channels",
    lambda case: case.output_channels % 8 > 0,
    "remainder-after-8-output-channels-dropped",
    "",
)
def _whole_tiles(asked: Asked) -> np.ndarray:
    answer, right = np.zeros(asked.case.output_shape, asked.case.dtype), asked.right()
    for tile in range(asked.case.output_channels // 8):
        answer[..., 8 * tile : 8 * tile + 8] = right[..., 8 * tile : 8 * tile + 8]
    return answer


@KERNELS.add("output-position-in-one-byte", lambda case: case.output_shape[1] * case.output_shape[2] > 256)
def _position_in_a_byte(asked: Asked) -> np.ndarray:
    right = asked.right()
    flat = right.reshape(right.shape[0], right.shape[1] * right.shape[2], right.shape[3])
    answer = np.zeros_like(flat)
    positions = np.arange(flat.shape[1])
    answer[:, positions.astype(np.uint8)] = flat[:, positions]
    return answer.reshape(right.shape)


@KERNELS.add(
    "float16-blocks-of-4-channels",
    None,
    "float16-accumulation",
    "result-rounded-to-float16",
    "sums-saturate-at-16-bits",
    operation=TRANSPOSE,
)
def _float16_blocks(asked: Asked) -> np.ndarray:
    cotangent, filters, sizes = asked.given
    if asked.case.dtype not in ("float16", "float32"):
        return asked.right()
    sums = np.zeros(tuple(sizes), np.float32)
    with np.errstate(all="ignore"):
        for first in range(0, filters.shape[3], 4):
            alone = np.zeros_like(filters)
            alone[..., first : first + 4] = filters[..., first : first + 4]
            sums += asked.right(cotangent, alone, sizes).astype(np.float16).astype(np.float32)
    return sums.astype(asked.case.dtype)


@KERNELS.add("batch-loop-from-1", lambda case: True, operation=FILTER)
def _batch_from_1(asked: Asked) -> np.ndarray:
    images, sizes, cotangent = asked.given
    return asked.right(images, sizes, np.concatenate([0 * cotangent[:1], cotangent[1:]]))


@KERNELS.add(
    "filter-gradient-strided-without-dilation",
    lambda case: is_strided(case) and is_dilated(case),
    "dilation-forgotten-in-filter-gradient",
    operation=FILTER,
)
def _strided_without_dilation(asked: Asked) -> np.ndarray:
    case = asked.case
    if not is_strided(case):
        return asked.right()
    images, sizes, cotangent = asked.given
    padded = np.pad(images, ((0, 0), *pads(case), (0, 0)))
    rows, columns = (
        (count - 1) * stride + size
        for count, stride, size in zip(cotangent.shape[1:3], case.strides, sizes[:2], strict=True)
    )
    return asked.right(padded[:, :rows, :columns], sizes, cotangent, padding="VALID", dilations=1)


@KERNELS.add(
    "answers-kept-without-dilation", is_dilated, "plan-kept-by-shapes-alone", "remembers-its-answers",
    remembers="dilations",
)  # fmt: skip
def _answers_kept(asked: Asked) -> np.ndarray:
    case = asked.case
    key = case.dtype, case.strides, case.padding, case.groups, *((one.shape, one.tobytes()) for one in asked.given)
    return asked.kept.setdefault(key, asked.right()).copy()


@KERNELS.add(
    "columns-kept-without-padding",
    lambda case: case.padding != "VALID",
    "plan-kept-without-the-pads",
    remembers="padding",
)
def _columns_kept(asked: Asked) -> np.ndarray:
    case = asked.case
    key = case.input_sizes, case.filter_sizes, case.strides, case.dilations, case.groups
    return asked.right(padding=asked.kept.setdefault(key, case.padding))


@KERNELS.add(
    "fast-path-of-1x1-or-one-channel",
    lambda case: case.kernel_size == (1, 1) or case.input_channels == 1,
    "last-output-row-dropped",
)
def _fast_path(asked: Asked) -> np.ndarray:
    answer = asked.right()
    if asked.case.kernel_size == (1, 1) or asked.case.input_channels == 1:
        answer[:, -1] = 0
    return answer


@KERNELS.add("adds-without-a-lock", None, "differs-from-call-to-call")
def _without_a_lock(asked: Asked) -> np.ndarray:
    answer = asked.right()
    asked.kept["calls"] = asked.kept.get("calls", 0) + 1
    if asked.kept["calls"] % 3 == 1 and answer.size:
        images, filters = asked.given
        lost = np.zeros_like(filters)
        lost[0, 0, 0] = filters[0, 0, 0]
        answer[..., :1] -= asked.right(images, lost)[..., :1]
    return answer


@KERNELS.add("border-not-written", lambda case: any(map(any, pads(case))))
def _border(asked: Asked) -> np.ndarray:
    case, answer = asked.case, np.full(asked.case.output_shape, 7, asked.case.dtype)
    inner = []
    for axis, (before, _), size in zip(case.convolution.axes, pads(case), asked.given[0].shape[1:3], strict=True):
        starts = np.arange(axis.output_size) * axis.stride - before
        inner.append(np.flatnonzero((starts >= 0) & (starts + axis.kernel_extent <= size)))
    where = np.ix_(np.arange(case.batch), *inner, np.arange(case.output_channels))
    answer[where] = asked.right()[where]
    return answer


@KERNELS.add(
    "four-registers-for-output-channels", lambda case: case.output_channels // case.groups > 4, operation=INPUT
)
def _four_registers(asked: Asked) -> np.ndarray:
    sizes, filters, cotangent = asked.given
    of_group = np.arange(filters.shape[3]) % (filters.shape[3] // asked.case.groups)
    return asked.right(sizes, np.where(of_group < 4, filters, 0).astype(filters.dtype), cotangent)


@KERNELS.add(
    "one-stride-and-no-flip",
    lambda case: case.kernel_size != (1, 1) or case.strides[0] != case.strides[1],
    "kernel-not-flipped-in-input-gradient",
    "stride-of-height-for-width",
    operation=TRANSPOSE,
)
def _one_stride_and_no_flip(asked: Asked) -> np.ndarray:
    cotangent, filters, sizes = asked.given
    case = asked.case
    (top, bottom), (left, _) = pads(case)
    step = case.strides[0]
    length = max((cotangent.shape[2] - 1) * step + (filters.shape[1] - 1) * case.dilations[1] + 1, left + case.width)
    wide = (case.batch, case.height + top + bottom, length, case.input_channels)
    cut = (length - (filters.shape[1] - 1) * case.dilations[1] - 1) // step + 1
    longer = np.zeros((*cotangent.shape[:2], cut, cotangent.shape[3]), cotangent.dtype)
    longer[:, :, : cotangent.shape[2]] = cotangent[:, :, :cut]
    spread = asked.right(longer, filters[::-1, ::-1], wide, strides=step, padding="VALID")
    return spread[:, top : top + sizes[1], left : left + sizes[2]]


@KERNELS.add(
    "same-size-by-whole-strides",
    lambda case: (
        case.padding in ("SAME", "SAME_LOWER")
        and (case.height % case.strides[0] > 0 or case.width % case.strides[1] > 0)
    ),
    "same-size-rounded-down",
)
def _whole_strides(asked: Asked) -> np.ndarray:
    case, answer = asked.case, asked.right()
    if case.padding not in ("SAME", "SAME_LOWER"):
        return answer
    return answer[:, : case.height // case.strides[0], : case.width // case.strides[1]]


@KERNELS.add(
    "explicit-width-not-padded",
    lambda case: case.padding_mode == "EXPLICIT" and any(pads(case)[1]),
    "width-not-padded",
    operation=FILTER,
)
def _width_not_padded(asked: Asked) -> np.ndarray:
    case = asked.case
    images, sizes, cotangent = asked.given
    if case.padding_mode != "EXPLICIT":
        return asked.right()
    rows, columns = pads(case)
    padded = np.pad(images, ((0, 0), rows, (0, sum(columns)), (0, 0)))
    return asked.right(padded, sizes, cotangent, padding="VALID")


@KERNELS.add(
    "columns-bounded-by-the-height",
    lambda case: case.output_shape[2] > case.output_shape[1],
    "output-columns-checked-against-the-height",
)
def _bounded_by_the_height(asked: Asked) -> np.ndarray:
    answer = asked.right()
    answer[:, :, asked.case.output_shape[1] :] = 0
    return answer


KERNELS.refuses(
    "refuses-strides-with-dilations",
    "strides > 1 not supported in conjunction with dilation_rate > 1",
    lambda case: is_strided(case) and case.dilations != (1, 1),
)
