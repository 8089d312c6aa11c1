"""A function on torch tensors becomes a backend, with its gradients by autograd."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from reference_impl.conformance import check_backend, torch_style

CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1", "n1_h6w5c2_k2x3o3_d2x1_SAME", "n2_h5w6c2_k3x2o3_p1,1,0,0_float64"]


class HalvedGradient(torch.autograd.Function):
    """The right convolution, with a backward that forgets a factor of 2."""

    @staticmethod
    def forward(ctx, input, filters, stride, padding, dilation, groups):
        ctx.save_for_backward(input, filters)
        ctx.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return F.conv2d(input, filters, **ctx.options)

    @staticmethod
    def backward(ctx, cotangent):
        input, filters = ctx.saved_tensors
        d_input = torch.nn.grad.conv2d_input(input.shape, filters, cotangent, **ctx.options)
        d_filters = torch.nn.grad.conv2d_weight(input, filters.shape, cotangent, **ctx.options)
        return d_input, d_filters / 2, None, None, None, None


def halved(input, filters, stride, padding, dilation, groups):
    return HalvedGradient.apply(input, filters, stride, padding, dilation, groups)


def test_torch_style_passes_torchs_own_function():
    report = check_backend(torch_style(F.conv2d, name="own"), CASES)
    assert report.passed, report
    assert {r.operation for r in report.tally.records if r.outcome == "pass"} == {
        "conv2d",
        "conv2d_backprop_input",
        "conv2d_backprop_filter",
    }


def test_torch_style_finds_a_wrong_backward():
    report = check_backend(torch_style(halved), CASES)
    assert {record.operation for record in report.failures} == {"conv2d_backprop_filter"}
    assert "halved unversioned" in str(report)


def test_torch_style_without_gradients_asks_for_none():
    assert check_backend(torch_style(halved, gradients=False), CASES).passed
