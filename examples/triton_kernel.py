"""A conv2d in Triton: `conv2d-reference verify --backend examples.triton_kernel:BACKEND`, with an NVIDIA or AMD GPU.

Without one, TRITON_INTERPRET=1 has Triton's interpreter do the arithmetic, on the CPU and slowly.
"""

from __future__ import annotations

import os

import triton
import triton.language as tl

from reference_impl.conformance import Capabilities, torch_style

PIXELS, CHANNELS = 64, 16


@triton.jit
def _convolve(
    input,
    filters,
    output,
    groups,
    group_inputs,
    height,
    width,
    group_outputs,
    out_height,
    out_width,
    kernel_height,
    kernel_width,
    stride_height,
    stride_width,
    pad_height,
    pad_width,
    dilation_height,
    dilation_width,
    PIXELS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Some pixels of some channels of an image and group; the arrays are NCHW and OIHW, without gaps."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    part = tl.program_id(2)  # image * groups + group
    pixels, taps = out_height * out_width, kernel_height * kernel_width
    first_filter = (part % groups) * group_outputs + channel
    total = tl.zeros((CHANNELS, PIXELS), output.dtype.element_ty)
    for tap in range(taps):
        row = pixel // out_width * stride_height + tap // kernel_width * dilation_height - pad_height
        column = pixel % out_width * stride_width + tap % kernel_width * dilation_width - pad_width
        inside = (pixel < pixels) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
        for i in range(group_inputs):
            at = ((part * group_inputs + i) * height + row) * width + column
            values = tl.load(input + at, mask=inside, other=0)
            weights = tl.load(
                filters + (first_filter * group_inputs + i) * taps + tap, mask=channel < group_outputs, other=0
            )
            total += weights[:, None] * values[None, :]
    at = (part * group_outputs + channel)[:, None] * pixels + pixel[None, :]
    tl.store(output + at, total, mask=(channel < group_outputs)[:, None] & (pixel < pixels)[None, :])


def conv2d(input, filters, stride, padding, dilation, groups):
    batch, channels, *sizes = input.shape
    outputs, _, *kernel = filters.shape
    out_sizes = [
        (size + 2 * pad - (taps - 1) * step - 1) // skip + 1
        for size, taps, skip, pad, step in zip(sizes, kernel, stride, padding, dilation)
    ]
    output = input.new_empty(batch, outputs, *out_sizes)
    if output.numel():
        blocks = triton.cdiv(out_sizes[0] * out_sizes[1], PIXELS), triton.cdiv(outputs // groups, CHANNELS)
        shapes = groups, channels // groups, *sizes, outputs // groups, *out_sizes, *kernel
        arrays = input.contiguous(), filters.contiguous(), output
        _convolve[(*blocks, batch * groups)](
            *arrays, *shapes, *stride, *padding, *dilation, PIXELS=PIXELS, CHANNELS=CHANNELS
        )
    return output


INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
BACKEND = torch_style(
    conv2d,
    gradients=False,
    device="cpu" if INTERPRETED else "cuda",
    name="triton",
    version=triton.__version__,
    capabilities=Capabilities(
        operations=("conv2d",),
        unclaimed={"two_threads": "Triton's interpreter takes one call at a time"} if INTERPRETED else {},
    ),
)
