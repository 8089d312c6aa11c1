"""The case in Keras, on any of its backends: `keras.ops.conv` and `keras.ops.conv_transpose`."""

from __future__ import annotations

from typing import Any

from ..cases.case import Case
from .sizes import keras_picks
from .snippet import FILTER, FILTER_TITLE, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call, crop, pair

_IMPORTS = "import keras\n\n"
_NO_GROUPS = "keras.ops.conv_transpose takes no groups: it returns the channels of one group alone."
_STRIDED_AND_DILATED = (
    "Keras' layers, and keras.ops on TensorFlow, take strides above 1 or dilations above 1, not both."
)
_PICKS_ANOTHER = "Without output_padding, Keras picks another size."
_ON_TENSORFLOW = (
    "With dilations, Keras on TensorFlow needs oneDNN's kernels: where the CPU has no VNNI instructions, set "
    "TF_ENABLE_ONEDNN_OPTS=1 before the import."
)
_NO_FILTER_GRADIENT = (
    "Keras has no function for the filter gradient. Take it by the autodiff of Keras' backend: see the torch or "
    "TensorFlow code."
)


def lack(case: Case) -> str:
    if 0 in (case.batch, case.input_channels, case.output_channels):
        return "Keras on TensorFlow refuses an empty batch or filters without channels, or returns another shape."
    return ""


def snippets(case: Case) -> list[Snippet]:
    both = _STRIDED_AND_DILATED if max(case.strides) > 1 and max(case.dilations) > 1 else ""
    grouped = _NO_GROUPS if case.groups > 1 else ""
    transposed, remark = _transpose(case)
    return [
        Snippet("conv2d", ("conv2d",), _convolution(case), lack=both),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, transposed, remark, grouped),
        Snippet(FILTER_TITLE, FILTER, lack=_NO_FILTER_GRADIENT),
    ]


def _convolution(case: Case) -> str:
    word = _word(case)
    pad, images = "", "input"
    if word is None:
        zeros = ((0, 0), *case.convolution.padding, (0, 0))
        pad, images = f"padded = keras.ops.pad(input, {zeros})\n", "padded"
    output = call("output = keras.ops.conv", images, "filters", **_options(case, word))
    return f"{_IMPORTS}{pad}{output}\noutput = keras.ops.convert_to_numpy(output)"


def _transpose(case: Case) -> tuple[str, str]:
    """Return the code, and a remark on it or ""."""
    word, longer = _word(case), _output_padding(case)
    transposed = call(
        "transposed = keras.ops.conv_transpose",
        "out_backprop",
        "filters",
        **_options(case, word, output_padding=longer),
        tail="" if word else crop(case, case.convolution.padding),
    )
    last = "input_backprop = transposed = keras.ops.convert_to_numpy(transposed)"
    remarks = (_PICKS_ANOTHER if longer else "", _ON_TENSORFLOW if case.dilations != (1, 1) else "")
    return f"{_IMPORTS}{transposed}\n{last}", " ".join(filter(None, remarks))


def _output_padding(case: Case) -> tuple[int, int] | None:
    """Return Keras' `output_padding`: the rows and columns beyond the smallest result; None if Keras adds them unasked.

    With "same", the smallest is (n - 1) * stride for an even kernel extent, and 1 more for an odd one.
    """
    axes = case.convolution.axes
    if case.padding == "SAME":
        least = [(axis.output_size - 1) * axis.stride + axis.kernel_extent % 2 for axis in axes]
        return None if keras_picks(case) else (case.height - least[0], case.width - least[1])
    unasked = all(axis.leftover == max(axis.stride - axis.kernel_extent, 0) for axis in axes)
    return None if unasked else (axes[0].leftover, axes[1].leftover)


def _word(case: Case) -> str | None:
    return {"VALID": "valid", "SAME": "same"}.get(case.padding_mode)


def _options(case: Case, word: str | None, **more: Any) -> dict[str, Any]:
    return {
        "strides": pair(case.strides, 1),
        "padding": word or "valid",
        **more,
        "data_format": "channels_last",
        "dilation_rate": pair(case.dilations, 1),
    }
