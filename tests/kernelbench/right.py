"""A right kernel: a matrix of windows times the filters of each group."""

import torch
from torch import nn


def convolve(x, weight, bias, stride, padding, dilation, groups):
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    out = [(size + 2 * pad - (taps - 1) * step - 1) // skip + 1 for size, taps, skip, pad, step in sizes]
    parts = []
    for images, filters in zip(x.chunk(groups, 1), weight.chunk(groups)):
        windows = nn.functional.unfold(images, filters.shape[2:], dilation, padding, stride)
        parts.append((filters.flatten(1) @ windows).unflatten(2, out))
    answer = torch.cat(parts, 1)
    return answer if bias is None else answer + bias[:, None, None]


class Model(nn.Module):
    """The layer that `ModelNew` stands for."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple,
        stride: tuple = (1, 1),
        padding: tuple = (0, 0),
        dilation: tuple = (1, 1),
        groups: int = 1,
        bias: bool = False,
    ):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)

    def forward(self, x):
        return self.conv(x)


class ModelNew(nn.Module):
    """The same layer, with a kernel of its own."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=(1, 1),
        padding=(0, 0),
        dilation=(1, 1),
        groups=1,
        bias=False,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(out_channels, in_channels // groups, *kernel_size))
        self.bias = nn.Parameter(torch.rand(out_channels)) if bias else None
        self.options = stride, padding, dilation, groups

    def forward(self, x):
        return convolve(x, self.weight, self.bias, *self.options)


def get_inputs():
    return [torch.rand(2, 4, 13, 11)]


def get_init_inputs():
    return [4, 6, (3, 2)]
