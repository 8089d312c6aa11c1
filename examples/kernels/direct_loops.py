"""Loops over scalars, in another order than the textbook's: tap by tap, and what padding holds is never read.

Python's own floats are float64: the sums are, and one rounding follows. Slow, so that it takes small cases only.
"""

from __future__ import annotations

import math

import numpy as np

from reference_impl.conformance import Capabilities, Lack

from .kernel import Plan

MOST_PRODUCTS = 50_000


class DirectLoops:
    capabilities = Capabilities(
        lacks=(
            Lack(
                f"takes over {MOST_PRODUCTS} products: too many for loops in Python",
                lambda operation, case: math.prod(case.output_shape) * math.prod(case.filter_sizes[:3]) > MOST_PRODUCTS,
            ),
        )
    )

    def conv2d(self, input, filters, **options):
        plan, products = _products(input.shape, filters.shape, **options)
        x, w, output = (
            input.tolist(),
            filters.tolist(),
            np.zeros((len(input), *plan.outputs, filters.shape[3])).tolist(),
        )
        for n, h, v, i, p, q, f, a, b, o in products:
            output[n][a][b][o] += x[n][h][v][i] * w[p][q][f][o]
        return np.array(output, input.dtype).reshape(len(input), *plan.outputs, filters.shape[3])

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        _, products = _products(input_sizes, filters.shape, **options)
        w, g, result = filters.tolist(), out_backprop.tolist(), np.zeros(input_sizes).tolist()
        for n, h, v, i, p, q, f, a, b, o in products:
            result[n][h][v][i] += w[p][q][f][o] * g[n][a][b][o]
        return np.array(result, filters.dtype).reshape(input_sizes)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        _, products = _products(input.shape, filter_sizes, **options)
        x, g, result = input.tolist(), out_backprop.tolist(), np.zeros(filter_sizes).tolist()
        for n, h, v, i, p, q, f, a, b, o in products:
            result[p][q][f][o] += x[n][h][v][i] * g[n][a][b][o]
        return np.array(result, input.dtype).reshape(filter_sizes)

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)


def _products(input_sizes, filter_sizes, *, strides, padding, dilations, groups):
    """The plan; and image, input row, column, channel, kernel row, column, channel, output row, column, channel of
    every product there is."""
    plan = Plan.of(input_sizes[1:3], filter_sizes[:2], strides, padding, dilations)
    batch, *_, inputs, outputs = input_sizes[0], *filter_sizes
    meetings = list(zip(plan.sizes, plan.kernel, plan.outputs, plan.strides, plan.dilations, plan.pads))
    rows, columns = (list(_meetings(*axis)) for axis in meetings)
    return plan, (
        (n, h, v, o * groups // outputs * inputs + f, p, q, f, a, b, o)
        for p, h, a in rows
        for q, v, b in columns
        for o in range(outputs)
        for n in range(batch)
        for f in range(inputs)
    )


def _meetings(size, kernel, outputs, stride, dilation, pads):
    """Each tap, input position and output position that meet inside the image, the last tap first."""
    for tap in reversed(range(kernel)):
        for position in range(size):
            output, between = divmod(position + pads[0] - tap * dilation, stride)
            if not between and 0 <= output < outputs:
                yield tap, position, output
