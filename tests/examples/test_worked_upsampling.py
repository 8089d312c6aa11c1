"""Upsampling by `conv2d_transpose`: the bilinear kernel, and the overlaps that make checkerboards."""

from __future__ import annotations

import numpy as np
import pytest

from examples.worked.upsampling import bilinear_kernel, overlaps, transposed, upsampled


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_kernel_continues_a_ramp(factor):
    ramp = np.add.outer(3.0 * np.arange(5), np.arange(6))
    inner = slice(factor, -factor)  # where no repeated pixel enters
    rows, columns = (((np.arange(size * factor) + 0.5) / factor - 0.5) for size in ramp.shape)
    expected = np.add.outer(3 * rows, columns)
    np.testing.assert_allclose(upsampled(ramp, factor)[inner, inner], expected[inner, inner], rtol=1e-14)


@pytest.mark.parametrize("factor", [2, 4])
def test_constant_image_stays_constant(factor):
    assert (upsampled(np.full((3, 4), 7.0), factor) == 7).all()


def test_kernel_that_is_not_bilinear_is_seen():
    flat = np.full((4, 4), bilinear_kernel(2).mean())
    ramp = np.add.outer(np.arange(5.0), np.zeros(5))
    assert (transposed(ramp, flat, 2, 1)[3:-3, 3:-3] != transposed(ramp, bilinear_kernel(2), 2, 1)[3:-3, 3:-3]).any()


@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (3, 3), (4, 3), (6, 3)])
def test_overlaps_are_even_where_the_stride_divides_the_kernel(kernel_size, stride):
    inner = overlaps(9, kernel_size, stride)[kernel_size:-kernel_size, kernel_size:-kernel_size]
    assert (len(np.unique(inner)) == 1) == (kernel_size % stride == 0)
