"""MLX on its CPU: `mx.conv_general`, and its gradients by `mx.vjp`. Inputs stay NHWC; filters become OHWI.

https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.conv_general.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities
from reference_impl.operations import OPERATIONS

mx.set_default_device(mx.cpu)


class Mlx:
    name = "mlx"
    version = mx.__version__
    capabilities = Capabilities(operations=OPERATIONS[:3], dtypes=("float32",))

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        convolution = _convolution(input.shape, filters.shape, **options)
        return np.array(convolution(mx.array(input), _ohwi(filters)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = _convolution(input_sizes, filters.shape, **options)
        kernel, at = _ohwi(filters), mx.zeros(input_sizes)
        return np.array(mx.vjp(lambda images: convolution(images, kernel), [at], [mx.array(out_backprop)])[1][0])

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = _convolution(input.shape, filter_sizes, **options)
        images, at = mx.array(input), mx.zeros([filter_sizes[axis] for axis in (3, 0, 1, 2)])
        gradient = mx.vjp(lambda kernel: convolution(images, kernel), [at], [mx.array(out_backprop)])[1][0]
        return np.array(gradient).transpose(1, 2, 3, 0)


def _convolution(sizes: Any, kernel: Any, *, strides: Any, padding: Any, dilations: Any, groups: int) -> Callable:
    (top, bottom), (left, right) = explicit(padding, sizes[1:3], kernel[:2], strides, dilations)
    options = {"stride": strides, "padding": ([top, left], [bottom, right]), "kernel_dilation": dilations}
    return lambda images, filters: mx.conv_general(images, filters, **options, groups=groups)


def _ohwi(filters: Any) -> mx.array:
    return mx.array(np.ascontiguousarray(filters.transpose(3, 0, 1, 2)))
