"""Loops that Numba compiles: `conv2d-reference verify --backend examples.kernels.numba_kernel:Numba`."""

from __future__ import annotations

import numba
import numpy as np

from .kernel import Kernel


class Numba(Kernel):
    version = numba.__version__

    def forward(self, padded, filters, plan):
        output = np.zeros((len(padded), *plan.outputs, filters.shape[3]), filters.dtype)
        return self.add("output", padded, filters, output, plan)

    def to_input(self, filters, out_backprop, plan):
        padded = np.zeros((len(out_backprop), *plan.padded_sizes, filters.shape[2]), filters.dtype)
        return self.add("input", padded, filters, out_backprop, plan)

    def to_filters(self, padded, out_backprop, plan):
        filters = np.zeros((*plan.kernel, padded.shape[3], out_backprop.shape[3]), padded.dtype)
        return self.add("filters", padded, filters, out_backprop, plan)

    def add(self, asked, padded, filters, output, plan):
        """The array that is asked for, with the products of the two others added to it."""
        # Copies, as each layout is compiled anew, and what is read-only not at all.
        arrays = [np.array(array, order="C") for array in (padded, filters, output)]
        index = ("input", "filters", "output").index(asked)
        _add(index, *arrays, plan.strides, plan.dilations)
        return arrays[index]


@numba.njit(cache=True)
def _add(asked, padded, filters, output, strides, dilations):
    for n, a, b in np.ndindex(output.shape[:3]):
        for p, q, i in np.ndindex(filters.shape[:3]):
            row, column = a * strides[0] + p * dilations[0], b * strides[1] + q * dilations[1]
            for o in range(filters.shape[3]):
                if asked == 0:
                    padded[n, row, column, i] += filters[p, q, i, o] * output[n, a, b, o]
                elif asked == 1:
                    filters[p, q, i, o] += padded[n, row, column, i] * output[n, a, b, o]
                else:
                    output[n, a, b, o] += padded[n, row, column, i] * filters[p, q, i, o]
