"""Paddle on its CPU: `paddle.nn.functional.conv2d` in NHWC, and its gradients by `paddle.grad`. Filters become OIHW.

https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn/functional/conv2d_en.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from paddle.nn import functional as F

from reference_impl.backends.padding import explicit, windows
from reference_impl.backends.protocol import Capabilities


class Paddle:
    name = "paddle"
    version = paddle.__version__
    capabilities = Capabilities(dtypes=("float32",))

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        return _conv2d(paddle.to_tensor(input), _oihw(filters), input.shape, filters.shape, **options).numpy()

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        at = paddle.zeros(input_sizes)
        at.stop_gradient = False
        output = _conv2d(at, _oihw(filters), input_sizes, filters.shape, **options)
        return paddle.grad(output, at, paddle.to_tensor(out_backprop))[0].numpy()

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        at = paddle.zeros([filter_sizes[axis] for axis in (3, 2, 0, 1)])
        at.stop_gradient = False
        output = _conv2d(paddle.to_tensor(input), at, input.shape, filter_sizes, **options)
        return paddle.grad(output, at, paddle.to_tensor(out_backprop))[0].numpy().transpose(2, 3, 1, 0)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, padding: Any, groups: int, strides: Any, dilations: Any
    ) -> np.ndarray:
        axes = output_shape[1:3], filters.shape[:2], strides, dilations
        pads = explicit(padding, *axes)
        longer = list(windows(pads, *axes)[1])
        around = [[0, 0], *map(list, pads), [0, 0]]
        images, kernel = paddle.to_tensor(input), _oihw(filters)
        answer = F.conv2d_transpose(
            images, kernel, None, strides, around, longer, dilation=dilations, groups=groups, data_format="NHWC"
        )
        return answer.numpy()


def _conv2d(
    images: Any, kernel: Any, sizes: Any, taps: Any, *, strides: Any, padding: Any, dilations: Any, groups: int
) -> Any:
    pads = padding
    if padding not in ("VALID", "SAME"):
        pads = [[0, 0], *map(list, explicit(padding, sizes[1:3], taps[:2], strides, dilations)), [0, 0]]
    return F.conv2d(images, kernel, None, strides, pads, dilations, groups, "NHWC")


def _oihw(filters: Any) -> Any:
    return paddle.to_tensor(np.ascontiguousarray(filters.transpose(3, 2, 0, 1)))
