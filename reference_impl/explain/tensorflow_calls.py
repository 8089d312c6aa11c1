"""The case in TensorFlow: `tf.nn`, a tape, and the raw operations."""

from __future__ import annotations

from textwrap import indent
from typing import Any

from ..cases.case import Case
from ..geometry import padding_of
from .snippet import GRADIENTS, NO_PADS, TRANSPOSE, TRANSPOSE_TITLE, Pads, Snippet, call, crop, pair

_IMPORTS = "import tensorflow as tf\n\n"
_ON_CPUS = (
    "On a CPU, gradients with groups or dilations need oneDNN's kernels (x86-64, float32), which take only SAME and "
    "VALID{}. TensorFlow uses them on CPUs with VNNI instructions, and on others where TF_ENABLE_ONEDNN_OPTS=1 is set "
    "before it is imported. Elsewhere, compile the code: tf.function(jit_compile=True)."
)


def lack(case: Case) -> str:
    if 0 in (case.batch, case.input_channels, case.output_channels):
        return (
            "TensorFlow's conv2d refuses filters without input channels. With oneDNN, it also returns an empty batch "
            "in the input's shape, and refuses filters without output channels."
        )
    return ""


def snippets(case: Case) -> list[Snippet]:
    pads = case.convolution.padding if _pads_first(case) else NO_PADS
    first = ", so the zeros are added first" if _pads_first(case) else ""
    remark = _ON_CPUS.format(first) if _is_grouped_or_dilated(case) else ""
    return [
        Snippet("conv2d", ("conv2d",), _IMPORTS + _convolution(case)),
        Snippet("gradients, by a tape", GRADIENTS, _IMPORTS + _tape(case, pads), remark),
        Snippet("gradients, as operations", GRADIENTS, _IMPORTS + _raw_operations(case, pads), remark),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, _IMPORTS + _transpose(case, pads), remark),
    ]


def _convolution(case: Case) -> str:
    return call("output = tf.nn.conv2d", "input", "filters", **_options(case), tail=".numpy()")


def _tape(case: Case, pads: Pads) -> str:
    padded, convolution = "images", ""
    if pads != NO_PADS:
        padded, convolution = "padded", f"padded = {_pad('images', pads)}\n"
    convolution += call("output = tf.nn.conv2d", padded, "weights", **_options(case, pads))
    return f"""\
images, weights = tf.constant(input), tf.constant(filters)
with tf.GradientTape() as tape:
    tape.watch([images, weights])
{indent(convolution, "    ")}
gradients = tape.gradient(output, [images, weights], tf.constant(out_backprop))
input_backprop, filters_backprop = (gradient.numpy() for gradient in gradients)"""


def _raw_operations(case: Case, pads: Pads) -> str:
    images, padding = "input", ""
    if pads != NO_PADS:
        images, padding = "padded", f"padded = {_pad('input', pads)}\n"
    options = {"strides": [1, *case.strides, 1], **_raw_padding(case, pads)}
    if case.dilations != (1, 1):
        options["dilations"] = [1, *case.dilations, 1]
    input_backprop = call(
        "input_backprop = tf.raw_ops.Conv2DBackpropInput",
        f"input_sizes={images}.shape",
        "filter=filters",
        "out_backprop=out_backprop",
        **options,
        tail=f"{crop(case, pads)}.numpy()",
    )
    filters_backprop = call(
        "filters_backprop = tf.raw_ops.Conv2DBackpropFilter",
        f"input={images}",
        "filter_sizes=filters.shape",
        "out_backprop=out_backprop",
        **options,
        tail=".numpy()",
    )
    return f"{padding}{input_backprop}\n{filters_backprop}"


def _transpose(case: Case, pads: Pads) -> str:
    (top, bottom), (left, right) = pads
    batch, height, width, channels = case.input_sizes
    return call(
        "input_backprop = transposed = tf.nn.conv2d_transpose",
        "out_backprop",
        "filters",
        output_shape=[batch, top + height + bottom, left + width + right, channels],
        **_options(case, pads),
        tail=f"{crop(case, pads)}.numpy()",
    )


def _is_grouped_or_dilated(case: Case) -> bool:
    return case.groups > 1 or case.dilations != (1, 1)


def _pads_first(case: Case) -> bool:
    return _is_grouped_or_dilated(case) and _word(case) is None


def _word(case: Case) -> str | None:
    """Return TensorFlow's word for the padding, or None if it has none."""
    if case.padding == "SAME" or (case.padding == "SAME_LOWER" and case.convolution.padding == _same(case)):
        return "SAME"
    return "VALID" if case.convolution.padding == NO_PADS else None


def _same(case: Case) -> Pads:
    height, width = (
        padding_of("SAME", axis.input_size, axis.kernel_extent, axis.stride) for axis in case.convolution.axes
    )
    return height, width


def _options(case: Case, done: Pads = NO_PADS) -> dict[str, Any]:
    """Return the options of `tf.nn`'s functions. The zeros in `done` have been added before."""
    padding: Any = _word(case) if done == NO_PADS else "VALID"
    if padding is None:
        padding = [[0, 0], *map(list, case.convolution.padding), [0, 0]]
    return {"strides": pair(case.strides, 1) or 1, "padding": padding, "dilations": pair(case.dilations, 1)}


def _raw_padding(case: Case, done: Pads) -> dict[str, Any]:
    word = _word(case) if done == NO_PADS else "VALID"
    if word is not None:
        return {"padding": word}
    (top, bottom), (left, right) = case.convolution.padding
    return {"padding": "EXPLICIT", "explicit_paddings": [0, 0, top, bottom, left, right, 0, 0]}


def _pad(images: str, pads: Pads) -> str:
    return call("tf.pad", images, str([[0, 0], *map(list, pads), [0, 0]]))
