"""Faults planted in Autograd's convolution fail its adapter. Without one it is exact, in each of its modes."""

from __future__ import annotations

import pytest
from autograd.extend import defvjp, primitive
from autograd.scipy import signal
from planted import failing_routes

from reference_impl.backends.autograd import ROUTES
from reference_impl.cases.case import Case


def not_flipped(images, filters, **how):
    return signal.convolve(images, filters[::-1, ::-1], **how)


def centred_elsewhere(images, filters, **how):
    """The odd zero of "same" lies after the image."""
    answer = signal.convolve(images[:, ::-1, ::-1], filters[::-1, ::-1], **how)
    return answer[..., ::-1, ::-1] if how["mode"] == "same" else signal.convolve(images, filters, **how)


@primitive
def gradient_off_by_a_thousandth(images, filters, **how):
    return signal.convolve(images, filters, **how)


def _off_by_a_thousandth(number):
    def rule(answer, *arrays, **how):
        return lambda cotangent: 1.001 * signal.grad_convolve(number, answer, *arrays, **how)(cotangent)

    return rule


defvjp(gradient_off_by_a_thousandth, _off_by_a_thousandth(0), _off_by_a_thousandth(1))


@pytest.mark.parametrize("padding", ["", "_FULL", "_SAME", "_SAME_LOWER", "_p1,0,2,3"])
def test_adapter_agrees(padding):
    assert failing_routes(ROUTES, Case.parse(f"n2_h7w9c3_k4x2o5{padding}")) == set()


@pytest.mark.parametrize(
    ("planted", "padding"),
    [
        (not_flipped, ""),
        (not_flipped, "_FULL"),
        (centred_elsewhere, "_SAME_LOWER"),
        (gradient_off_by_a_thousandth, "_SAME"),
    ],
)
def test_planted_fault_fails(planted, padding):
    case = Case.parse(f"n2_h7w9c3_k4x2o5{padding}")
    assert failing_routes(ROUTES, case, convolve_function=planted) == set(ROUTES)
