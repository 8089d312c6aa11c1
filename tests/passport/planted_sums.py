"""Kernels of a known order and precision, in all four operations. Slices, not the oracle, list their products."""

from __future__ import annotations

import itertools

import numpy as np
from summation import NEAREST, ORDERS, Arithmetic

from reference_impl.cases.case import Case
from reference_impl.geometry import Convolution
from reference_impl.passport.element import Probe, middle_of
from reference_impl.passport.labels import Labels
from reference_impl.passport.masks import Masks
from reference_impl.passport.naming import name_of
from reference_impl.passport.order import reveal

POINTWISE = Case.parse("n2_h3w4c24_k1x1o24")
TAPS_OUTER, CHANNELS_OUTER = (0, 1, 2), (2, 0, 1)


class _Taps:
    """The places of the padded input that each tap, or each output position, reads."""

    def __init__(self, sizes, filter_sizes, options):
        self.whole = Convolution.checked(sizes, filter_sizes, **options)
        self.pads = tuple((axis.pad_before, axis.pad_after) for axis in self.whole.axes)

    def of_tap(self, *taps):
        """The places that one tap reads, row by row."""
        return tuple(
            slice(tap * axis.dilation, tap * axis.dilation + (axis.output_size - 1) * axis.stride + 1, axis.stride)
            for axis, tap in zip(self.whole.axes, taps)
        )

    def of_position(self, *places):
        """The places that one output position reads, tap by tap."""
        return tuple(
            slice(place * axis.stride, place * axis.stride + axis.kernel_extent, axis.dilation)
            for axis, place in zip(self.whole.axes, places)
        )

    def padded(self, input):
        return np.pad(input, ((0, 0), *self.pads, (0, 0)))

    def cropped(self, padded):
        (top, bottom), (left, right) = self.pads
        return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


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
        taps = _Taps(input.shape, filters.shape, options)
        x, w = taps.padded(self._wide(input)), self._wide(filters)
        terms = {}
        for p, q in np.ndindex(*filters.shape[:2]):
            rows, columns = taps.of_tap(p, q)
            for c in range(filters.shape[2]):
                terms[p, q, c] = x[:, rows, columns, c, None] * w[p, q, c]
        return self._sum(terms, input.dtype)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        taps = _Taps(input_sizes, filters.shape, options)
        g, w = self._wide(out_backprop), self._wide(filters)
        terms = {}
        for p, q, o in itertools.product(*map(range, (*filters.shape[:2], filters.shape[3]))):
            rows, columns = taps.of_tap(p, q)
            term = taps.padded(np.zeros(input_sizes))
            term[:, rows, columns] = g[..., o, None] * w[p, q, :, o]
            terms[p, q, o] = taps.cropped(term)
        return self._sum(terms, filters.dtype)

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        taps = _Taps(input.shape, filter_sizes, options)
        x, g = taps.padded(self._wide(input)), self._wide(out_backprop)
        terms = {}
        for n, h, v in np.ndindex(*out_backprop.shape[:3]):
            rows, columns = taps.of_position(h, v)
            terms[n, h, v] = x[n, rows, columns, :, None] * g[n, h, v]
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


def told(kernel, operation, case):
    """The name of the order of an element in the middle."""
    element = middle_of(operation, case)
    tree = reveal(Masks(Probe(lambda calls: [call.run(kernel) for call in calls], element)))
    return "exact" if tree is None else name_of(tree, Labels.of(element))
