"""Faults planted in SciPy's functions fail its adapter. Without one it is exact, in each padding mode."""

from __future__ import annotations

import pytest
from planted import failing_routes
from scipy import signal

from reference_impl.backends.scipy import ROUTES
from reference_impl.cases.case import Case


def centred_elsewhere(plane, kernel, mode, method):
    """The odd zero of "same" lies after the plane."""
    if mode != "same":
        return signal.correlate(plane, kernel, mode, method)
    return signal.correlate(plane[::-1, ::-1], kernel[::-1, ::-1], mode, method)[::-1, ::-1]


@pytest.mark.parametrize("padding", ["", "_FULL", "_SAME", "_SAME_LOWER", "_p1,0,2,3"])
def test_adapter_agrees(padding):
    assert failing_routes(ROUTES, Case.parse(f"n2_h7w9c3_k4x2o5{padding}")) == set()


@pytest.mark.parametrize(
    ("replaced", "planted", "padding"),
    [
        ("correlate_function", signal.convolve, ""),
        ("correlate_function", centred_elsewhere, "_SAME_LOWER"),
        ("convolve_function", signal.correlate, "_SAME"),
    ],
    ids=["flipped", "centred_elsewhere", "not_flipped"],
)
def test_planted_fault_fails(replaced, planted, padding):
    case = Case.parse(f"n2_h7w9c3_k4x2o5{padding}")
    assert failing_routes(ROUTES, case, **{replaced: planted}) == set(ROUTES)
