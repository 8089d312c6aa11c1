"""A wrong kernel: it writes blocks of 4 columns, and leaves the memory of the rest as it was."""

import torch
from torch import nn


@torch.no_grad()
def convolve(x, weight, bias, stride, padding, dilation, groups):
    right = nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    answer = torch.empty_like(right)
    whole = right.shape[3] // 4 * 4
    answer[..., :whole] = right[..., :whole]
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
    return [torch.rand(2, 4, 13, 13)]


def get_init_inputs():
    return [4, 6, (3, 2)]
