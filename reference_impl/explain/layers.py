"""Layers in the words of torch and Keras, `Conv2d(3, 64, 7, stride=2, padding=3)`, as cases. Nothing is evaluated."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import arguments
from ..arguments import Padding
from ..cases.case import Case

Image = tuple[int, ...]
"""(height, width) or (height, width, channels)."""
Pair = tuple[int, int]

# These arguments change neither sizes nor products, so they may be any expression.
_BESIDE = {
    "bias", "device", "dtype", "data_format", "activation", "use_bias", "kernel_initializer", "bias_initializer",
    "kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint", "name",
    "trainable", "autocast",
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A layer on one image. The case is the forward convolution; a transposed layer is the transpose of that."""

    case: Case
    is_transposed: bool = False


def parse_image(text: str) -> Image:
    """Read `224x224` or `224x224x3`."""
    if not re.fullmatch(r"\d+x\d+(x\d+)?", text):
        raise ValueError(f"the input must be <height>x<width> or <height>x<width>x<channels>, not {text!r}")
    return tuple(int(size) for size in text.split("x"))


def from_torch(text: str, image: Image) -> Layer:
    """Return the case of torch's `Conv2d` or `ConvTranspose2d` on an image with or without channels.

    Raises
    ------
    ValueError, TypeError
        If the text is not such a call, an argument is not written out, or torch would refuse this image.
    """
    return _read(text, {"Conv2d": _torch_conv2d, "ConvTranspose2d": _torch_conv_transpose2d}, image)


def from_keras(text: str, image: Image) -> Layer:
    """Return the case of Keras' `Conv2D` or `Conv2DTranspose` on an image of (height, width, channels).

    Raises
    ------
    ValueError, TypeError
        If the text is not such a call, an argument is not written out, or Keras would refuse this image.
    """
    if len(image) != 3:
        raise ValueError("the input must be <height>x<width>x<channels>, as Keras' layers take any channels")
    return _read(text, {"Conv2D": _keras_conv2d, "Conv2DTranspose": _keras_conv2d_transpose}, image)


def _read(text: str, layers: dict[str, Callable[..., Layer]], image: Image) -> Layer:
    """Call the function of `layers` that has the named layer's signature, with the arguments in `text`."""
    try:
        tree: Any = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"the layer must be one Python call: {error.msg} in {text!r}") from None
    name = ast.unparse(tree.func).rpartition(".")[2] if isinstance(tree, ast.Call) else ""
    if name not in layers:
        raise ValueError(f"the layer must be a call of {' or '.join(layers)}; not {text!r}")
    if any(isinstance(node, ast.Starred) for node in tree.args) or any(word.arg is None for word in tree.keywords):
        raise ValueError(f"{name}'s arguments must be written out, without * and **: {text!r}")
    words = {word.arg: word.value for word in tree.keywords}
    try:
        bound = inspect.signature(layers[name]).bind(image, *tree.args, **words)
    except TypeError as error:
        raise TypeError(f"{name} takes other arguments: {error}") from None
    values = {role: node for role, node in bound.arguments.items() if role not in {"image", *_BESIDE}}
    return layers[name](image, **{role: _value(role, node) for role, node in values.items()})


def _value(role: str, node: ast.expr) -> Any:
    if role in ("padding", "padding_mode") and isinstance(node, ast.Name):
        return node.id  # torch prints its words without quotes
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError):
        raise ValueError(
            f"{role} must be written out, as a number, a pair or a word; not {ast.unparse(node)}"
        ) from None


def _torch_conv2d(
    image: Image, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
    padding_mode="zeros", device=None, dtype=None,
) -> Layer:  # fmt: skip
    _check_torch(image, in_channels, padding_mode)
    strides = arguments.pair(stride, "stride")
    if padding == "same" and strides != (1, 1):
        raise ValueError(f'padding="same" must come with stride 1 in torch, not {strides}')
    if padding in ("same", "valid"):
        zeros: Padding = padding.upper()
    else:
        zeros = _both_sides(arguments.pair(padding, "padding", at_least=0))
    height, width = image[:2]
    return Layer(Case(1, height, width, in_channels, kernel_size, out_channels, strides, dilation, groups, zeros))


def _torch_conv_transpose2d(
    image: Image, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
    dilation=1, padding_mode="zeros", device=None, dtype=None,
) -> Layer:  # fmt: skip
    _check_torch(image, in_channels, padding_mode)
    pads = arguments.pair(padding, "padding", at_least=0)
    longer = arguments.pair(output_padding, "output_padding", at_least=0)
    extents, strides, dilations = _extents(kernel_size, stride, dilation, ("stride", "dilation"))
    height, width = (
        (size - 1) * step + extent - 2 * pad + more
        for size, step, extent, pad, more in zip(image[:2], strides, extents, pads, longer, strict=True)
    )
    zeros = _both_sides(pads)
    case = Case(1, height, width, out_channels, kernel_size, in_channels, strides, dilations, groups, zeros)
    return _transposed(case, image, longer)


def _keras_conv2d(
    image: Image, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
    groups=1, activation=None, use_bias=True, kernel_initializer=None, bias_initializer=None, kernel_regularizer=None,
    bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, *, name=None,
    trainable=True, dtype=None, autocast=True,
) -> Layer:  # fmt: skip
    _, steps, dilations = _keras_extents(kernel_size, strides, dilation_rate)
    height, width, channels = image
    word = _keras_word(padding)
    return Layer(Case(1, height, width, channels, kernel_size, filters, steps, dilations, groups, word))


def _keras_conv2d_transpose(
    image: Image, filters, kernel_size, strides=(1, 1), padding="valid", output_padding=None, data_format=None,
    dilation_rate=(1, 1), activation=None, use_bias=True, kernel_initializer=None, bias_initializer=None,
    kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
    bias_constraint=None, *, name=None, trainable=True, dtype=None, autocast=True,
) -> Layer:  # fmt: skip
    word = _keras_word(padding)
    extents, steps, dilations = _keras_extents(kernel_size, strides, dilation_rate)
    least = [extent % 2 if word == "SAME" else extent for extent in extents]
    if output_padding is None:
        wanted = [step if word == "SAME" else max(step, extent) for step, extent in zip(steps, extents, strict=True)]
        longer = wanted[0] - least[0], wanted[1] - least[1]
    else:
        longer = arguments.pair(output_padding, "output_padding", at_least=0)
    height, width = (
        (size - 1) * step + shortest + more
        for size, step, shortest, more in zip(image[:2], steps, least, longer, strict=True)
    )
    case = Case(1, height, width, filters, kernel_size, image[2], steps, dilations, 1, word)
    return _transposed(case, image, longer)


def _transposed(case: Case, image: Image, output_padding: Pair) -> Layer:
    """Return the layer. Raises ValueError if conv2d does not make the size of `image` of the layer's result."""
    given = case.output_shape[1:3]
    if given != image[:2]:
        raise ValueError(
            f"output_padding must make the layer a transpose of conv2d: with {output_padding} it makes "
            f"{case.height} x {case.width} of {image[0]} x {image[1]}, but conv2d makes {given[0]} x {given[1]} of that"
        )
    return Layer(case, is_transposed=True)


def _check_torch(image: Image, in_channels: Any, padding_mode: Any) -> None:
    if image[2:] not in ((), (in_channels,)):
        raise ValueError(f"the input must have the layer's in_channels, {in_channels}, not {image[2]} channels")
    if padding_mode != "zeros":
        raise ValueError(f'padding_mode must be "zeros", as conv2d pads with nothing else; not {padding_mode!r}')


def _keras_word(padding: Any) -> str:
    if padding not in ("valid", "same"):
        raise ValueError(f'padding must be "valid" or "same" in Keras, not {padding!r}')
    return padding.upper()


def _keras_extents(kernel_size: Any, strides: Any, dilation_rate: Any) -> tuple[Pair, Pair, Pair]:
    extents, steps, dilations = _extents(kernel_size, strides, dilation_rate, ("strides", "dilation_rate"))
    if max(steps) > 1 and max(dilations) > 1:
        raise ValueError(f"strides or dilation_rate must be 1 in Keras; they are {steps} and {dilations}")
    return extents, steps, dilations


def _extents(kernel_size: Any, strides: Any, dilations: Any, names: tuple[str, str]) -> tuple[Pair, Pair, Pair]:
    """Return the dilated kernel's extents, the strides and the dilations, each as a pair; `names` are for messages."""
    rates = arguments.pair(dilations, names[1])
    height, width = arguments.pair(kernel_size, "kernel_size")
    extents = (height - 1) * rates[0] + 1, (width - 1) * rates[1] + 1
    return extents, arguments.pair(strides, names[0]), rates


def _both_sides(pads: Pair) -> Padding:
    """Return torch's `padding` as zeros on both sides, or VALID if there are none."""
    return "VALID" if pads == (0, 0) else ((pads[0], pads[0]), (pads[1], pads[1]))
