"""The case as calls of Keras, on any of its backends: `keras.ops.conv` and `keras.ops.conv_transpose`."""

from __future__ import annotations

from typing import Any

from ..cases.case import Case
from . import filters_gradient
from .sizes import keras_picks
from .snippet import NO_PADS, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call, crop, pair

_IMPORTS = "import keras\n\n"
_NO_GROUPS = "keras.ops.conv_transpose knows no groups: it gives the channels of one alone."
_STRIDED_AND_DILATED = "Keras' layers, and keras.ops on TensorFlow, take strides or dilations above 1, not both."
_PICKS_ANOTHER = "Without output_padding, Keras picks another size."


def lack(case: Case) -> str:
    if 0 in (case.batch, case.input_channels, case.output_channels):
        return "Keras on TensorFlow refuses an empty batch and filters without channels, or gives them another shape."
    return ""


def snippets(case: Case) -> list[Snippet]:
    both = _STRIDED_AND_DILATED if max(case.strides) > 1 and max(case.dilations) > 1 else ""
    grouped = _NO_GROUPS if case.groups > 1 else ""
    transposed, remark = _transpose(case)
    no_gradients = filters_gradient.REMARK.format("Keras")
    return [
        Snippet("conv2d", ("conv2d",), _convolution(case), lack=both),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, transposed, remark, grouped),
        Snippet("filters' gradient", ("conv2d_backprop_filter",), _filters(case), no_gradients, both),
    ]


def _convolution(case: Case) -> str:
    word = _word(case)
    pad, images = ("", "input") if word else _padded(case, "input")
    output = call(
        "output = keras.ops.conv", images, "filters", **_options(case.strides, word or "valid", case.dilations)
    )
    return f"{_IMPORTS}{pad}{output}\noutput = keras.ops.convert_to_numpy(output)"


def _transpose(case: Case) -> tuple[str, str]:
    """And what there is to say of it."""
    word, longer = _word(case), _output_padding(case)
    transposed = call(
        "transposed = keras.ops.conv_transpose",
        "out_backprop",
        "filters",
        **_options(case.strides, word or "valid", case.dilations, output_padding=longer),
        tail="" if word else crop(case, case.convolution.padding),
    )
    last = "input_backprop = transposed = keras.ops.convert_to_numpy(transposed)"
    return f"{_IMPORTS}{transposed}\n{last}", _PICKS_ANOTHER if longer else ""


def _output_padding(case: Case) -> tuple[int, int] | None:
    """How much longer than its least Keras is to make what it returns; None where it does so by itself.

    With "same" that least is (n - 1) * stride, and 1 more for an odd kernel extent.
    """
    axes = case.convolution.axes
    if case.padding == "SAME":
        least = [(axis.output_size - 1) * axis.stride + axis.kernel_extent % 2 for axis in axes]
        return None if keras_picks(case) else (case.height - least[0], case.width - least[1])
    by_itself = all(axis.leftover == max(axis.stride - axis.kernel_extent, 0) for axis in axes)
    return None if by_itself else (axes[0].leftover, axes[1].leftover)


def _filters(case: Case) -> str:
    pad, images = ("", "images") if case.convolution.padding == NO_PADS else _padded(case, "images")
    gradient = call("gradient = keras.ops.conv", images, "weights", **_options(case.dilations, "valid", case.strides))
    return f"""\
{_IMPORTS}{filters_gradient.images(case, "NHWC")}
weights = out_backprop.transpose(1, 2, 0, 3)  # NHWC to HWNC
{pad}{gradient}
gradient = keras.ops.convert_to_numpy(gradient).transpose(1, 2, 0, 3)  # to HWIO
filters_backprop = gradient{filters_gradient.crop(case)}"""


def _word(case: Case) -> str | None:
    return {"VALID": "valid", "SAME": "same"}.get(case.padding_mode)


def _padded(case: Case, images: str) -> tuple[str, str]:
    """The line that puts the zeros there, and the name of what it makes."""
    return f"padded = keras.ops.pad({images}, {((0, 0), *case.convolution.padding, (0, 0))})\n", "padded"


def _options(strides: Any, padding: str, dilations: Any, **more: Any) -> dict[str, Any]:
    return {
        "strides": pair(strides, 1),
        "padding": padding,
        **more,
        "data_format": "channels_last",
        "dilation_rate": pair(dilations, 1),
    }
