"""The case in PyTorch: `F.conv2d`, its gradients by autograd, and `F.conv_transpose2d`."""

from __future__ import annotations

from typing import Any

from ..cases.case import Case
from .snippet import GRADIENTS, NO_PADS, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call, crop, pair, size_remark

_IMPORTS = "import torch\nimport torch.nn.functional as F\n\n"
_IMAGES = "images = torch.from_numpy(input).permute(0, 3, 1, 2)  # NHWC to NCHW\n"
_WEIGHTS = "weights = torch.from_numpy(filters).permute(3, 2, 0, 1)  # HWIO to OIHW\n"
# torch refuses the gradient of some filters that are not contiguous: docs/findings/keras.md.
_CONTIGUOUS_WEIGHTS = _WEIGHTS.replace("(3, 2, 0, 1)", "(3, 2, 0, 1).contiguous()")
_COTANGENT = "cotangent = torch.from_numpy(out_backprop).permute(0, 3, 1, 2)  # NHWC to NCHW\n"
_CROPPED = (
    "torch's padding crops both sides alike; its output_padding adds to the end, and must be below the stride or the "
    "dilation. They cannot give this size, so the result is cropped afterwards."
)


def lack(case: Case) -> str:
    if 0 in (case.height, case.width):
        return "torch takes no image of height or width 0."
    if 0 in (case.input_channels, case.output_channels):
        return "torch refuses filters without output channels, and returns no channels where the input has none."
    return ""


def snippets(case: Case) -> list[Snippet]:
    remark = size_remark(case)
    transposed, transposed_remark = _transpose(case)
    return [
        Snippet("conv2d", ("conv2d",), _convolution(case), remark),
        Snippet("gradients, by autograd", GRADIENTS, _autograd(case), remark),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, transposed, transposed_remark),
    ]


def _convolution(case: Case) -> str:
    return f"""\
{_IMPORTS}{_IMAGES}{_WEIGHTS}{_forward(case)}
output = output.permute(0, 2, 3, 1).numpy()  # NCHW to NHWC"""


def _autograd(case: Case) -> str:
    return f"""\
{_IMPORTS}{_IMAGES}{_CONTIGUOUS_WEIGHTS}{_COTANGENT}images.requires_grad_()
weights.requires_grad_()
{_forward(case)}
gradients = torch.autograd.grad(output, (images, weights), cotangent)
input_backprop = gradients[0].permute(0, 2, 3, 1).numpy()  # NCHW to NHWC
filters_backprop = gradients[1].permute(2, 3, 1, 0).numpy()  # OIHW to HWIO"""


def _forward(case: Case) -> str:
    padding, images, pad = _padding(case), "images", ""
    if padding is None and case.convolution.padding != NO_PADS:
        (top, bottom), (left, right) = case.convolution.padding
        images, pad = "padded", f"padded = F.pad(images, {(left, right, top, bottom)})  # width first\n"
    return pad + call("output = F.conv2d", images, "weights", **_options(case, padding))


def _padding(case: Case) -> Any:
    """Return the padding as an option of `F.conv2d`; None if there are no zeros, or if no option adds them."""
    (top, bottom), (left, right) = case.convolution.padding
    if (top, left) == (bottom, right):
        return pair((top, left), 0)
    # torch's "same" puts the odd zero after the image, as TensorFlow's does, but takes no strides.
    return "same" if case.padding == "SAME" and case.strides == (1, 1) else None


def _transpose(case: Case) -> tuple[str, str]:
    """Return the code, and a remark or "". `padding` and `output_padding` give the size if they can, else a crop."""
    axes = case.convolution.axes
    longer = [axis.leftover + axis.pad_before - axis.pad_after for axis in axes]
    around, remark = NO_PADS, ""
    if all(0 <= more < max(axis.stride, axis.dilation) for more, axis in zip(longer, axes, strict=True)):
        padding = pair((axes[0].pad_before, axes[1].pad_before), 0)
    else:
        padding, around, remark = None, case.convolution.padding, _CROPPED
        longer = [max(axis.leftover - axis.pad_after, 0) for axis in axes]
    transposed = call(
        "transposed = F.conv_transpose2d",
        "cotangent",
        "weights",
        **_options(case, padding, output_padding=pair((longer[0], longer[1]), 0)),
        tail=crop(case, around, "NCHW"),
    )
    last = "input_backprop = transposed = transposed.permute(0, 2, 3, 1).numpy()  # NCHW to NHWC"
    return f"{_IMPORTS}{_COTANGENT}{_WEIGHTS}{transposed}\n{last}", remark


def _options(case: Case, padding: Any, **more: Any) -> dict[str, Any]:
    return {
        "stride": pair(case.strides, 1),
        "padding": padding,
        **more,
        "dilation": pair(case.dilations, 1),
        "groups": case.groups if case.groups > 1 else None,
    }
