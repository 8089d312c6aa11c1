"""SciPy's adapter fails if what it calls is wrong."""

from __future__ import annotations

import pytest
from planted import failing_routes
from scipy import signal

from reference_impl.backends.scipy import ROUTES
from reference_impl.cases.case import Case


class Correlate:
    replaces = "correlate_function"
    planted = staticmethod(signal.correlate)


class Flipped(Correlate):
    """A true convolution."""

    planted = staticmethod(signal.convolve)


class CentredElsewhere(Correlate):
    """The odd zero of "same" after the plane."""

    @staticmethod
    def planted(plane, kernel, mode, method):
        if mode != "same":
            return signal.correlate(plane, kernel, mode, method)
        return signal.correlate(plane[::-1, ::-1], kernel[::-1, ::-1], mode, method)[::-1, ::-1]


class NotFlipped:
    replaces = "convolve_function"
    planted = staticmethod(signal.correlate)


@pytest.mark.parametrize("padding", ["", "_FULL", "_SAME", "_SAME_LOWER", "_p1,0,2,3"])
def test_adapter_agrees(padding):
    case = Case.parse(f"n2_h7w9c3_k4x2o5{padding}")
    assert failing_routes(ROUTES, Correlate, case) == set()


@pytest.mark.parametrize(
    ("planted", "padding"), [(Flipped, ""), (CentredElsewhere, "_SAME_LOWER"), (NotFlipped, "_SAME")]
)
def test_wrong_function_fails(planted, padding):
    assert failing_routes(ROUTES, planted, Case.parse(f"n2_h7w9c3_k4x2o5{padding}")) == set(ROUTES)
