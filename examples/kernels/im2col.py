"""im2col: every window copied into a row of one matrix, by index arrays. Its adjoint is col2im."""

from __future__ import annotations

import numpy as np

from .kernel import Kernel, matrix


class Im2col(Kernel):
    def product(self, a, b):
        """(m, n) by (n, k)."""
        return a @ b

    def forward(self, padded, filters, plan):
        output = self.product(_columns(padded, plan), matrix(filters, 3))
        return output.reshape(len(padded), *plan.outputs, filters.shape[3])

    def to_input(self, filters, out_backprop, plan):
        batch, height, width, _ = out_backprop.shape
        columns = self.product(matrix(out_backprop, 3), matrix(filters, 3).T)
        result = np.zeros((batch, *plan.padded_sizes, filters.shape[2]), filters.dtype)
        np.add.at(result, _places(plan), columns.reshape(batch, height, width, *filters.shape[:3]))
        return result

    def to_filters(self, padded, out_backprop, plan):
        result = self.product(_columns(padded, plan).T, matrix(out_backprop, 3))
        return result.reshape(*plan.kernel, padded.shape[3], out_backprop.shape[3])


def _places(plan):
    """Index of (image, output row, output column, kernel row, kernel column, channel) in the padded input."""
    rows, columns = (
        np.arange(count)[:, None] * stride + np.arange(kernel) * dilation
        for count, kernel, stride, dilation in zip(plan.outputs, plan.kernel, plan.strides, plan.dilations)
    )
    return slice(None), rows[:, None, :, None], columns[None, :, None, :]


def _columns(padded, plan):
    return matrix(padded[_places(plan)], 3)
