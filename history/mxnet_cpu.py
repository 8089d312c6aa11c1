"""MXNet on its CPU: `mx.nd.Convolution` and `mx.nd.Deconvolution`, in NCHW and OIHW.

https://mxnet.apache.org/versions/1.3.1/api/python/ndarray/ndarray.html
"""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities


class Mxnet:
    name = "mxnet"
    version = mx.__version__
    capabilities = Capabilities(operations=("conv2d", "conv2d_transpose"), dtypes=("float32",))

    def conv2d(self, input: Any, filters: Any, *, groups: int, **options: Any) -> np.ndarray:
        pads = explicit(
            options["padding"], input.shape[1:3], filters.shape[:2], options["strides"], options["dilations"]
        )
        padded = np.pad(input, [(0, 0), *pads, (0, 0)])
        return self._called(mx.nd.Convolution, padded, filters, filters.shape[3], groups, options)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, groups: int, **options: Any
    ) -> np.ndarray:
        pads = explicit(
            options["padding"], output_shape[1:3], filters.shape[:2], options["strides"], options["dilations"]
        )
        sizes = [size + sum(around) for size, around in zip(output_shape[1:3], pads)]
        extents = [(taps - 1) * dilation + 1 for taps, dilation in zip(filters.shape[:2], options["dilations"])]
        adj = [(size - extent) % stride for size, extent, stride in zip(sizes, extents, options["strides"])]
        padded = self._called(mx.nd.Deconvolution, input, filters, filters.shape[2] * groups, groups, options, adj=adj)
        (top, _), (left, _) = pads
        return padded[:, top : top + output_shape[1], left : left + output_shape[2]]

    def _called(
        self, function: Any, input: Any, filters: Any, channels: int, groups: int, options: Any, **more: Any
    ) -> np.ndarray:
        images = mx.nd.array(np.ascontiguousarray(input.transpose(0, 3, 1, 2)))
        kernel = mx.nd.array(np.ascontiguousarray(filters.transpose(3, 2, 0, 1)))
        return (
            function(
                images,
                kernel,
                kernel=filters.shape[:2],
                stride=options["strides"],
                dilate=options["dilations"],
                num_filter=channels,
                num_group=groups,
                no_bias=True,
                **more,
            )
            .asnumpy()
            .transpose(0, 2, 3, 1)
        )
