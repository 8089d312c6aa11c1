"""The filters' gradient as a convolution, for what has no gradients.

filters_backprop[p, q, i, o] = sum_nhw padded[n, h*sh + p*dh, w*sw + q*dw, i] * out_backprop[n, h, w, o]

is conv2d of `padded`, whose channels are the batch and whose batch is the channels, by out_backprop as the filters,
with strides and dilations in each other's place.
"""

from __future__ import annotations

from ..cases.case import Case

REMARK = "{} has no gradients: this convolves input with out_backprop, over the batch, strides and dilations swapped."
_SWAPPED = {"N": "C", "C": "N"}


def images(case: Case, layout: str) -> str:
    """The statement that makes `images` of `input`, batch and channels swapped, in `layout`."""
    comment = f"  # NHWC to {''.join(_SWAPPED.get(axis, axis) for axis in layout)}"
    if case.groups == 1:
        order = tuple("NHWC".index(_SWAPPED.get(axis, axis)) for axis in layout)
        return f"images = input.transpose{order}{comment}"
    channels = case.input_channels // case.groups
    order = tuple("NHWGC".index(axis) for axis in layout.replace("C", "GM").replace("N", "C").replace("M", "N"))
    sizes = {"N": channels, "H": case.height, "W": case.width, "C": case.groups * case.batch}
    return f"""\
images = (
    input.reshape{(case.batch, case.height, case.width, case.groups, channels)}
    .transpose{order}
    .reshape{tuple(sizes[axis] for axis in layout)}
){comment}, one group's channels for the batch"""


def crop(case: Case) -> str:
    """The index that takes the taps out of (kh, kw, I, O): positions that no window reads may make for more of them."""
    axes = case.convolution.axes
    kept = [f":{axis.kernel_size if axis.leftover >= axis.dilation else ''}" for axis in axes]
    return "" if kept == [":", ":"] else f"[{', '.join(kept).removesuffix(', :')}]"
