"""Windows as a sparse matrix of ones: conv2d multiplies by it, the gradient of the input by its transpose."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .kernel import Kernel, matrix


class SparseMatrix(Kernel):
    def forward(self, padded, filters, plan):
        output = _windows(padded, plan) @ matrix(filters, 3)
        return output.reshape(len(padded), *plan.outputs, filters.shape[3])

    def to_input(self, filters, out_backprop, plan):
        (batch, height, width, _), inputs = out_backprop.shape, filters.shape[2]
        columns = (matrix(out_backprop, 3) @ matrix(filters, 3).T).reshape(batch, height * width, *filters.shape[:3])
        # (output positions * taps) by (N * I)
        columns = matrix(columns.transpose(1, 2, 3, 0, 4), 3)
        result = _selection(plan, filters.dtype).T @ columns
        return result.reshape(*plan.padded_sizes, batch, inputs).transpose(2, 0, 1, 3)

    def to_filters(self, padded, out_backprop, plan):
        result = _windows(padded, plan).T @ matrix(out_backprop, 3)
        return result.reshape(*plan.kernel, padded.shape[3], out_backprop.shape[3])


def _selection(plan, dtype):
    """(output positions * taps) by (positions of the padded input): a one where the tap of that output reads."""
    (height, width), (kernel_height, kernel_width) = plan.outputs, plan.kernel
    row, column, p, q = np.indices((height, width, kernel_height, kernel_width))
    rows = row * plan.strides[0] + p * plan.dilations[0]
    columns = column * plan.strides[1] + q * plan.dilations[1]
    read = (rows * plan.padded_sizes[1] + columns).ravel()
    shape = read.size, plan.padded_sizes[0] * plan.padded_sizes[1]
    return sparse.csr_matrix((np.ones(read.size, dtype), (np.arange(read.size), read)), shape)


def _windows(padded, plan):
    """(N * H' * W') by (taps * I)."""
    batch, height, width, inputs = padded.shape
    positions = padded.transpose(1, 2, 0, 3).reshape(height * width, batch * inputs)
    windows = (_selection(plan, padded.dtype) @ positions).reshape(*plan.outputs, *plan.kernel, batch, inputs)
    return matrix(windows.transpose(4, 0, 1, 2, 3, 5), 3)
