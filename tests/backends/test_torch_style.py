"""A function on torch tensors becomes a backend, with its gradients by autograd."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F

from examples import torch_autograd_function
from examples.torch_autograd_function import Convolution
from reference_impl.conformance import check_backend, torch_style

CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1", "n1_h6w5c2_k2x3o3_d2x1_SAME", "n2_h5w6c2_k3x2o3_p1,1,0,0_float64"]


class HalvedGradient(Convolution):
    """The example's convolution, with a backward that forgets a factor of 2."""

    @staticmethod
    def backward(ctx, cotangent):
        d_input, d_filters, *rest = Convolution.backward(ctx, cotangent)
        return d_input, d_filters / 2, *rest


class CotangentInOrder(Convolution):
    """Read the cotangent's memory as if it were contiguous. The gradient of an expanded tensor is not."""

    @staticmethod
    def backward(ctx, cotangent):
        strides = torch.empty(cotangent.shape).stride()
        return Convolution.backward(ctx, torch.as_strided(cotangent, cotangent.shape, strides))


class WritesToTheCotangent(Convolution):
    @staticmethod
    def backward(ctx, cotangent):
        gradients = Convolution.backward(ctx, cotangent)
        cotangent.mul_(2)
        return gradients


@pytest.fixture
def halved(monkeypatch):
    monkeypatch.setattr(torch_autograd_function, "Convolution", HalvedGradient)
    return torch_autograd_function.conv2d


def test_torch_style_passes_torchs_own_function():
    report = check_backend(torch_style(F.conv2d, name="own"), CASES)
    assert report.passed, report
    assert {r.operation for r in report.tally.records if r.outcome == "pass"} == {
        "conv2d",
        "conv2d_backprop_input",
        "conv2d_backprop_filter",
    }


def test_torch_style_passes_a_function_with_a_backward_of_its_own():
    report = check_backend(torch_autograd_function.BACKEND, [*CASES, "n0_h6w5c2_k2x3o3"])
    assert report.passed, report


def test_torch_style_finds_a_wrong_backward(halved):
    report = check_backend(torch_style(halved), CASES)
    assert {record.operation for record in report.failures} == {"conv2d_backprop_filter"}
    assert "FAIL  conv2d unversioned: conv2d_backprop_filter" in str(report)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (CotangentInOrder, "out_backprop .*on integers the answer must equal the oracle's"),
        (WritesToTheCotangent, "arguments must not be written to; the cotangent was"),
    ],
)
def test_torch_style_finds_a_backward_that_is_careless_of_memory(monkeypatch, wrong, said):
    monkeypatch.setattr(torch_autograd_function, "Convolution", wrong)
    report = check_backend(torch_style(torch_autograd_function.conv2d), CASES)
    assert {record.operation for record in report.failures} == {"conv2d_backprop_input", "conv2d_backprop_filter"}
    assert re.search(said, str(report))


def test_torch_style_finds_a_forward_that_writes_to_its_input():
    def writes(input, filters, **options):
        answer = F.conv2d(input, filters, **options)
        input.zero_()
        return answer

    report = check_backend(torch_style(writes, gradients=False), CASES)
    assert "arguments must not be written to; the input was" in str(report)


def test_torch_style_without_gradients_asks_for_none(halved):
    assert check_backend(torch_style(halved, gradients=False), CASES).passed
