"""The table of formats agrees with `ml_dtypes`, which has its own."""

from __future__ import annotations

import ml_dtypes
import pytest

from reference_impl.exact.formats import FORMATS, format_of


@pytest.mark.parametrize("name", FORMATS)
def test_format_has_the_range_and_unit_of_its_dtype(name):
    ours, theirs = FORMATS[name], ml_dtypes.finfo(format_of(name))
    assert ours.precision == theirs.nmant + 1
    assert ours.eps == float(theirs.eps)
    assert ours.largest == float(theirs.max)
    assert ours.smallest_normal == float(theirs.smallest_normal)
    assert ours.smallest_subnormal == float(theirs.smallest_subnormal)
