"""Padding, sizes and groups, which the kernels here share. None of this code is the oracle's.

A `Kernel` gives three products of one group on a padded input, and is then a backend with all four operations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plan:
    """The sizes of one forward convolution, pairs of (height, width)."""

    sizes: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]

    @classmethod
    def of(cls, sizes, kernel, strides, padding, dilations) -> Plan:
        sizes, kernel = tuple(sizes), tuple(kernel)
        words = (padding, padding) if isinstance(padding, str) else padding
        pads = tuple(map(_pads, words, sizes, kernel, strides, dilations))
        return cls(sizes, kernel, tuple(strides), tuple(dilations), pads)

    @property
    def extents(self) -> tuple[int, int]:
        """Input positions from the first tap to the last."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations))

    @property
    def padded_sizes(self) -> tuple[int, int]:
        return tuple(size + sum(pad) for size, pad in zip(self.sizes, self.pads))

    @property
    def outputs(self) -> tuple[int, int]:
        return tuple((p - e) // s + 1 for p, e, s in zip(self.padded_sizes, self.extents, self.strides))

    def taps(self):
        """Each kernel position, with the rows and the columns of the padded input that it meets."""
        for tap in np.ndindex(*self.kernel):
            starts = [position * dilation for position, dilation in zip(tap, self.dilations)]
            rows, columns = (
                slice(start, start + (count - 1) * stride + 1, stride)
                for start, count, stride in zip(starts, self.outputs, self.strides)
            )
            yield tap, rows, columns

    def pad(self, images):
        return np.pad(images, ((0, 0), *self.pads, (0, 0)))

    def crop(self, padded):
        (top, _), (left, _) = self.pads
        return padded[:, top : top + self.sizes[0], left : left + self.sizes[1]]


class Kernel:
    """All four operations, from three products of padded input (N H W I), filters (kh kw I O), outputs (N H' W' O)."""

    def forward(self, padded, filters, plan):
        raise NotImplementedError

    def to_input(self, filters, out_backprop, plan):
        """The gradient of the padded input."""
        raise NotImplementedError

    def to_filters(self, padded, out_backprop, plan):
        raise NotImplementedError

    def conv2d(self, input, filters, *, strides, padding, dilations, groups):
        plan = Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations)
        parts = zip(*_groups(groups, plan.pad(input), filters))
        return np.concatenate([self.forward(x, w, plan) for x, w in parts], axis=3)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, *, strides, padding, dilations, groups):
        plan = Plan.of(input_sizes[1:3], filters.shape[:2], strides, padding, dilations)
        parts = zip(*_groups(groups, filters, out_backprop))
        return plan.crop(np.concatenate([self.to_input(w, g, plan) for w, g in parts], axis=3))

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, *, strides, padding, dilations, groups):
        plan = Plan.of(input.shape[1:3], filter_sizes[:2], strides, padding, dilations)
        parts = zip(*_groups(groups, plan.pad(input), out_backprop))
        return np.concatenate([self.to_filters(x, g, plan) for x, g in parts], axis=3)

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)


def matrix(array, rows):
    """The array with its first `rows` axes as rows and the others as columns. It may be empty, which -1 may not."""
    return array.reshape(math.prod(array.shape[:rows]), math.prod(array.shape[rows:]))


def _groups(groups, *arrays):
    """Each array as a list of its groups, which are blocks of its last axis."""
    return [np.split(array, groups, axis=3) for array in arrays]


def _pads(word, size, kernel, stride, dilation):
    if not isinstance(word, str):
        return tuple(word)
    reach = (kernel - 1) * dilation
    if word == "VALID":
        return 0, 0
    if word == "FULL":
        return reach, reach
    total = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0)
    less = total // 2
    return {"SAME": (less, total - less), "SAME_LOWER": (total - less, less)}[word]
