"""PyTorch's conv2d, and its gradients by torch.nn.grad; NCHW and OIHW inside.

https://pytorch.org/docs/1.9.1/generated/torch.nn.functional.conv2d.html
"""

import torch
from torch.nn import functional, grad

VERSION = torch.__version__


def conv2d(input, filters, padding, **options):
    return _nhwc(functional.conv2d(_padded(input, padding), _oihw(filters), **_options(**options)))


def onednn(input, filters, padding, strides, dilations, groups):
    """conv2d by what `functional.conv2d` calls for float32, if it finds nothing wrong."""
    images = _padded(input, padding)
    return _nhwc(torch.mkldnn_convolution(images, _oihw(filters), None, (0, 0), strides, dilations, groups))


def conv2d_backprop_input(input_sizes, filters, out_backprop, padding, **options):
    (top, bottom), (left, right) = padding
    batch, height, width, channels = input_sizes
    sizes = batch, channels, height + top + bottom, width + left + right
    padded = grad.conv2d_input(sizes, _oihw(filters), _nchw(out_backprop), **_options(**options))
    return _nhwc(padded[:, :, top : top + height, left : left + width])


def conv2d_backprop_filter(input, filter_sizes, out_backprop, padding, **options):
    height, width, channels, filters = filter_sizes
    sizes = filters, channels, height, width
    gradient = grad.conv2d_weight(_padded(input, padding), sizes, _nchw(out_backprop), **_options(**options))
    return gradient.numpy().transpose(2, 3, 1, 0)


def _options(strides, dilations, groups):
    return {"stride": strides, "dilation": dilations, "groups": groups}


def _padded(input, padding):
    (top, bottom), (left, right) = padding
    return functional.pad(_nchw(input), (left, right, top, bottom))


def _nchw(array):
    return torch.from_numpy(array.transpose(0, 3, 1, 2)).contiguous()


def _oihw(array):
    return torch.from_numpy(array.transpose(3, 2, 0, 1)).contiguous()


def _nhwc(tensor):
    return tensor.numpy().transpose(0, 2, 3, 1)
