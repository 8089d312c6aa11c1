"""Autograd's adapter agrees in each of its modes, and fails if what it calls is wrong."""

from __future__ import annotations

import pytest
from autograd.extend import defvjp, primitive
from autograd.scipy import signal
from planted import failing_routes

from reference_impl.backends.autograd import ROUTES
from reference_impl.cases.case import Case


class Convolve:
    replaces = "convolve_function"
    planted = staticmethod(signal.convolve)


class NotFlipped(Convolve):
    @staticmethod
    def planted(images, filters, **how):
        return signal.convolve(images, filters[::-1, ::-1], **how)


class CentredElsewhere(Convolve):
    """The odd zero of "same" after the image."""

    @staticmethod
    def planted(images, filters, **how):
        answer = signal.convolve(images[:, ::-1, ::-1], filters[::-1, ::-1], **how)
        return answer[..., ::-1, ::-1] if how["mode"] == "same" else signal.convolve(images, filters, **how)


@primitive
def _convolve(images, filters, **how):
    return signal.convolve(images, filters, **how)


def _off_by_a_thousandth(number):
    def rule(answer, *arrays, **how):
        return lambda cotangent: 1.001 * signal.grad_convolve(number, answer, *arrays, **how)(cotangent)

    return rule


defvjp(_convolve, _off_by_a_thousandth(0), _off_by_a_thousandth(1))


class RuleOffByAThousandth(Convolve):
    planted = staticmethod(_convolve)


@pytest.mark.parametrize("padding", ["", "_FULL", "_SAME", "_SAME_LOWER", "_p1,0,2,3"])
def test_adapter_agrees(padding):
    assert failing_routes(ROUTES, Convolve, Case.parse(f"n2_h7w9c3_k4x2o5{padding}")) == set()


@pytest.mark.parametrize(
    ("planted", "padding"),
    [(NotFlipped, ""), (NotFlipped, "_FULL"), (CentredElsewhere, "_SAME_LOWER"), (RuleOffByAThousandth, "_SAME")],
)
def test_wrong_function_fails(planted, padding):
    assert failing_routes(ROUTES, planted, Case.parse(f"n2_h7w9c3_k4x2o5{padding}")) == set(ROUTES)
