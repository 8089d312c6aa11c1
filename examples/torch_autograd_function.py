"""A `torch.autograd.Function` with a backward of one's own, and how it is checked:

conv2d-reference verify --backend examples.torch_autograd_function:BACKEND
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from reference_impl.conformance import Capabilities, Lack, torch_style

OPERATIONS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")
NO_EMPTY_IMAGE = Lack(
    "F.unfold takes no empty images or channels",
    lambda operation, case: 0 in (case.height, case.width, case.input_channels),
)


class Convolution(torch.autograd.Function):
    """conv2d without padding, one group at a time: matrices of windows forwards, and their adjoints backwards."""

    @staticmethod
    def forward(ctx, input, filters, stride, dilation):
        ctx.save_for_backward(input, filters)
        ctx.options = {"kernel_size": filters.shape[2:], "stride": stride, "dilation": dilation}
        sizes = [
            (size - (kernel - 1) * step - 1) // skip + 1
            for size, kernel, skip, step in zip(input.shape[2:], filters.shape[2:], stride, dilation)
        ]
        windows = F.unfold(input, **ctx.options)
        return (filters.flatten(1) @ windows).unflatten(2, sizes)

    @staticmethod
    def backward(ctx, cotangent):
        input, filters = ctx.saved_tensors
        by_window = cotangent.flatten(2)
        d_windows = filters.flatten(1).T @ by_window
        d_filters = torch.einsum("nol,nkl->ok", by_window, F.unfold(input, **ctx.options))
        return F.fold(d_windows, input.shape[2:], **ctx.options), d_filters.view_as(filters), None, None


def conv2d(input, filters, stride, padding, dilation, groups):
    padded = F.pad(input, (padding[1], padding[1], padding[0], padding[0]))
    parts = zip(padded.chunk(groups, 1), filters.chunk(groups))
    return torch.cat([Convolution.apply(x, w, stride, dilation) for x, w in parts], 1)


BACKEND = torch_style(
    conv2d,
    name="unfold",
    version=torch.__version__,
    capabilities=Capabilities(operations=OPERATIONS, lacks=(NO_EMPTY_IMAGE,)),
)
