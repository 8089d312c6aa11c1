"""One matrix product for each tap: no copy of the windows is made."""

from __future__ import annotations

import numpy as np

from .kernel import Kernel, matrix


class PerTap(Kernel):
    def product(self, a, b):
        """(..., n) by (n, m)."""
        return a @ b

    def forward(self, padded, filters, plan):
        output = np.zeros((len(padded), *plan.outputs, filters.shape[3]), padded.dtype)
        for tap, rows, columns in plan.taps():
            output += self.product(padded[:, rows, columns], filters[tap])
        return output

    def to_input(self, filters, out_backprop, plan):
        result = np.zeros((len(out_backprop), *plan.padded_sizes, filters.shape[2]), filters.dtype)
        for tap, rows, columns in plan.taps():
            result[:, rows, columns] += self.product(out_backprop, filters[tap].T)
        return result

    def to_filters(self, padded, out_backprop, plan):
        flat = matrix(out_backprop, 3)
        result = np.zeros((*plan.kernel, padded.shape[3], flat.shape[1]), padded.dtype)
        for tap, rows, columns in plan.taps():
            result[tap] = self.product(matrix(padded[:, rows, columns], 3).T, flat)
        return result
