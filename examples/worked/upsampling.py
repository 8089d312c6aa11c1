"""Upsampling by `conv2d_transpose`: bilinear with a fixed kernel, and the overlaps that make checkerboards.

docs/learn/upsampling.md. Images are 2-D arrays; the factor, which is the stride, is even.
"""

from __future__ import annotations

import numpy as np

from reference_impl import conv2d_transpose


def transposed(image, kernel, stride, pad=0):
    """Return the transposed convolution of one image, without the `pad` outer rows and columns on each side."""
    sizes = [stride * (count - 1) + size - 2 * pad for count, size in zip(image.shape, kernel.shape)]
    options = {"strides": stride, "padding": ((pad, pad), (pad, pad))}
    return conv2d_transpose(image[None, :, :, None], kernel[:, :, None, None], (1, *sizes, 1), **options)[0, :, :, 0]


def bilinear_kernel(factor):
    """Return the kernel of 2 * factor whose weights fall off linearly from its middle."""
    distance = np.abs(np.arange(2 * factor) - (factor - 0.5)) / factor
    return np.outer(1 - distance, 1 - distance)


def upsampled(image, factor):
    """Return the image enlarged bilinearly. Beyond its border, the outermost pixels are repeated."""
    whole = transposed(np.pad(image, 1, mode="edge"), bilinear_kernel(factor), factor, factor // 2)
    return whole[factor:-factor, factor:-factor]


def overlaps(count, kernel_size, stride):
    """Return how many windows cover each pixel: the transposed convolution of ones with ones."""
    return transposed(np.ones((count, count), int), np.ones((kernel_size, kernel_size), int), stride)
