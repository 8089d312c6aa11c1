"""Layers that real exporters wrote to `models/`: as their framework says them, with weights that can be made again."""

from __future__ import annotations

import numpy as np

TORCH = {
    "torch_conv": ("Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0))", (3, 8, 9)),
    "torch_same": ("Conv2d(3, 4, (4, 3), padding='same')", (3, 8, 9)),
    "torch_grouped": ("Conv2d(4, 6, (3, 2), dilation=(1, 2), groups=2, bias=False)", (4, 8, 9)),
    "torch_transposed": (
        "ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(0, 1), groups=2)",
        (4, 5, 6),
    ),
}
KERAS = {
    "keras_conv": ("Conv2D(4, (3, 2), strides=2, padding='same')", (8, 9, 3)),
    "keras_depthwise": ("DepthwiseConv2D((3, 2), depth_multiplier=2, padding='same')", (8, 9, 3)),
    "keras_dilated": ("Conv2D(4, (3, 2), dilation_rate=(1, 2), padding='valid')", (8, 9, 3)),
    "keras_transposed": ("Conv2DTranspose(4, (3, 2), strides=(2, 3), padding='same')", (5, 6, 3)),
}


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)
