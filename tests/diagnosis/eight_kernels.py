"""Eight wrong kernels that put two mistakes together, or make one in an unusual place, to measure the diagnosis.

Before anything was changed for them, the diagnosis named 7 of 8 rightly, counting one whose first label was wrong. It
found none or one of the two mistakes of the first two, and called memory that keeps the last answer a cache. Two of
them had no known mistake then, and have one now.
"""

from __future__ import annotations

import numpy as np
from diagnosis.wrong_kernels import Asked, Kernels, has_multiplier, pads

from reference_impl.cases.case import Case

KERNELS = Kernels()

FILTER, TRANSPOSE = "conv2d_backprop_filter", "conv2d_transpose"


@KERNELS.add(
    "symmetric-same-and-no-dilation-of-columns",
    lambda case: case.padding == "SAME" or case.dilations[1] > 1,
    "same-without-stride",
    "dilation-forgotten",
)
def _symmetric_same(asked: Asked) -> np.ndarray:
    """SAME is half of the extent less one on both sides, and the loop over columns knows no dilation."""
    case, (images, filters) = asked.case, asked.given
    around = pads(case)
    if case.padding == "SAME":
        around = tuple(((axis.kernel_extent - 1) // 2,) * 2 for axis in case.convolution.axes)
    padded = np.pad(images, ((0, 0), *around, (0, 0)))
    rows = case.convolution.height
    height = (rows.output_size - 1) * rows.stride + rows.kernel_extent
    width = (case.output_shape[2] - 1) * case.strides[1] + case.kernel_size[1]
    grown = np.zeros((case.batch, height, width, case.input_channels), images.dtype)
    part = padded[:, :height, :width]
    grown[:, : part.shape[1], : part.shape[2]] = part
    return asked.right(grown, filters, padding="VALID", dilations=(case.dilations[0], 1))


@KERNELS.add(
    "mean-over-batch-and-one-stride",
    lambda case: case.batch > 1 or case.strides[0] != case.strides[1],
    "mean-over-batch",
    "stride-of-height-for-width",
    operation=FILTER,
)
def _mean_and_one_stride(asked: Asked) -> np.ndarray:
    """The gradient of a mean over the batch, with the stride of rows for columns."""
    case, (images, sizes, cotangent) = asked.case, asked.given
    padded = np.pad(images, ((0, 0), *pads(case), (0, 0)))
    step, rows, columns = case.strides[0], *case.convolution.axes
    height = (rows.output_size - 1) * step + rows.kernel_extent
    width = (columns.output_size - 1) * step + columns.kernel_extent
    grown = np.zeros((case.batch, height, width, case.input_channels), images.dtype)
    part = padded[:, :height, :width]
    grown[:, : part.shape[1], : part.shape[2]] = part
    found = asked.right(grown, sizes, cotangent, strides=step, padding="VALID")
    return (found.astype(np.float64) / max(case.batch, 1)).astype(case.dtype)


@KERNELS.add("fours-of-columns-at-stride-1", lambda case: case.strides[1] == 1 and case.output_shape[2] % 4 > 0, "")
def _fours_of_columns(asked: Asked) -> np.ndarray:
    """The fast path for stride 1 writes four columns at a time, and leaves the rest as zeros."""
    answer = asked.right()
    if asked.case.strides[1] == 1:
        answer[:, :, answer.shape[2] // 4 * 4 :] = 0
    return answer


@KERNELS.add("offsets-kept-by-sizes-and-strides", None, "plan-kept-by-shapes-alone", remembers="padding")
def _offsets_kept(asked: Asked) -> np.ndarray:
    """The places of all taps are kept by sizes and strides, without the padding and the dilation."""
    case = asked.case
    key = case.input_sizes, case.filter_sizes, case.strides, case.groups, case.output_shape
    padding, dilations = asked.kept.setdefault(key, (case.padding, case.dilations))
    return asked.right(padding=padding, dilations=dilations)


@KERNELS.add("first-image-in-all-products", lambda case: case.batch > 1, "right-only-at-batch-1", operation=FILTER)
def _first_image(asked: Asked) -> np.ndarray:
    """The loop over the batch moves on in the cotangent, and not in the images."""
    images, sizes, cotangent = asked.given
    return asked.right(np.repeat(images[:1], len(images), axis=0), sizes, cotangent)


@KERNELS.add(
    "columns-checked-against-the-height",
    lambda case: case.width > case.height,
    "image-columns-checked-against-the-height",
)
def _checked_against_the_height(asked: Asked) -> np.ndarray:
    """The bounds of the image are checked for rows and columns by the height."""
    images, filters = asked.given
    images = images.copy()
    images[:, :, images.shape[1] :] = 0
    return asked.right(images, filters)


def _has_leftover(case: Case) -> bool:
    return any(axis.leftover for axis in case.convolution.axes)


@KERNELS.add("leftover-from-the-last-call", None, "", operation=TRANSPOSE)
def _leftover_of_the_last_call(asked: Asked) -> np.ndarray:
    """Rows that no window reaches are not written, and the memory is that of the last answer of this size."""
    answer, axis = asked.right(), asked.case.convolution.height
    made = max(axis.padded_size - axis.leftover - axis.pad_before, 0)
    last = asked.kept.get((answer.shape, answer.dtype))
    if last is not None:
        answer[:, made:] = last[:, made:]
    asked.kept[answer.shape, answer.dtype] = asked.right() + 1
    return answer


@KERNELS.add("multiplier-by-remainder", has_multiplier, "output-channels-dealt-to-groups")
def _by_remainder(asked: Asked) -> np.ndarray:
    """Output channel o of a depthwise convolution reads input channel o % inputs, and has its own filter."""
    case, (images, filters) = asked.case, asked.given
    if not has_multiplier(case):
        return asked.right()
    channels = np.arange(case.output_channels) % case.input_channels
    return asked.right(images[..., channels], filters, groups=case.output_channels)
