"""Facts of docs/conventions.md about frameworks that the code on that page does not import."""

from __future__ import annotations

import pytest


@pytest.mark.framework("jax")
def test_jax_takes_nchw_for_the_convolution_and_nhwc_for_its_transpose():
    from jax import lax, numpy

    images, filters = numpy.ones((1, 2, 5, 6)), numpy.ones((7, 2, 3, 3))
    assert lax.conv_general_dilated(images, filters, (1, 1), "VALID").shape == (1, 7, 3, 4)
    images, filters = numpy.ones((1, 5, 6, 2)), numpy.ones((3, 3, 2, 7))
    assert lax.conv_transpose(images, filters, (2, 2), "VALID").shape == (1, 11, 13, 7)
