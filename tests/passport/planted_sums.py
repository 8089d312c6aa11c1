"""Kernels of a known order and precision, in all four operations. Loops, not the oracle, list their products."""

from __future__ import annotations

import itertools

import numpy as np
from summation import NEAREST, ORDERS, Arithmetic

from reference_impl.geometry import Convolution

TAPS_OUTER, CHANNELS_OUTER = (0, 1, 2), (2, 0, 1)


def _pads(sizes, filter_sizes, options):
    whole = Convolution.checked(sizes, filter_sizes, **options)
    return whole, *(axis.pad_before for axis in whole.axes)


class Planted:
    """Adds the products of each element by `order` of tests/summation.py, with sums held in `arithmetic`."""

    name = "planted"

    def __init__(self, order="sequential", arithmetic=NEAREST, *, nested=TAPS_OUTER, factors=24, fused=False):
        self.order, self.arithmetic, self.nested, self.fused = order, arithmetic, nested, fused or order == "fused"
        self.factors = Arithmetic(factors)

    def _sum(self, terms, dtype):
        """Add the products: {label: products of all elements}."""
        inner_last = sorted(terms, key=lambda label: [label[axis] for axis in self.nested])
        stacked = np.stack([terms[label] for label in inner_last])
        if not self.fused:
            stacked = self.arithmetic.rounded(stacked)
        with np.errstate(all="ignore"):
            return self.add(stacked).astype(dtype)

    def add(self, terms):
        return ORDERS[self.order](terms, self.arithmetic)

    def _wide(self, array):
        return self.factors.rounded(array.astype(np.float64))

    def conv2d(self, input, filters, **options):
        whole, top, left = _pads(input.shape, filters.shape, options)
        x, w, dtype = self._wide(input), self._wide(filters), input.dtype
        _, rows, columns, _ = whole.output_shape
        terms = {}
        for p, q, c in np.ndindex(*filters.shape[:3]):
            term = np.zeros(whole.output_shape)
            for h, v in np.ndindex(rows, columns):
                i = h * whole.height.stride + p * whole.height.dilation - top
                j = v * whole.width.stride + q * whole.width.dilation - left
                if 0 <= i < input.shape[1] and 0 <= j < input.shape[2]:
                    term[:, h, v] = x[:, i, j, c, None] * w[p, q, c]
            terms[p, q, c] = term
        return self._sum(terms, dtype)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        whole, top, left = _pads(input_sizes, filters.shape, options)
        g, w = self._wide(out_backprop), self._wide(filters)
        terms = {}
        for p, q, o in itertools.product(*map(range, (*filters.shape[:2], filters.shape[3]))):
            term = np.zeros(whole.input_sizes)
            for h, v in np.ndindex(*whole.output_shape[1:3]):
                i = h * whole.height.stride + p * whole.height.dilation - top
                j = v * whole.width.stride + q * whole.width.dilation - left
                if 0 <= i < input_sizes[1] and 0 <= j < input_sizes[2]:
                    term[:, i, j] = g[:, h, v, o, None] * w[p, q, :, o]
            terms[p, q, o] = term
        return self._sum(terms, filters.dtype)

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        whole, top, left = _pads(input.shape, filter_sizes, options)
        x, g = self._wide(input), self._wide(out_backprop)
        terms = {}
        for n, h, v in np.ndindex(*whole.output_shape[:3]):
            term = np.zeros(filter_sizes)
            for p, q in np.ndindex(*filter_sizes[:2]):
                i = h * whole.height.stride + p * whole.height.dilation - top
                j = v * whole.width.stride + q * whole.width.dilation - left
                if 0 <= i < input.shape[1] and 0 <= j < input.shape[2]:
                    term[p, q] = x[n, i, j, :, None] * g[n, h, v]
            terms[n, h, v] = term
        return self._sum(terms, input.dtype)


class Pointwise:
    """A 1x1 convolution whose order depends on the number of channels that it sums over."""

    def __init__(self, order_of):
        self.order_of = order_of

    def conv2d(self, input, filters, **options):
        wide = np.moveaxis(input, 3, 0)[..., None].astype(np.float64)
        terms = NEAREST.rounded(wide * filters[0, 0][:, None, None, None])
        return ORDERS[self.order_of(len(terms))](terms, NEAREST).astype(input.dtype)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        return self.conv2d(out_backprop, filters.transpose(0, 1, 3, 2))
