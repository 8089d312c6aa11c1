"""Torch's own convolutions by `torch_style`: on the CPU, and on an NVIDIA or AMD GPU if there is one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from reference_impl.conformance import Capabilities, check_backend, torch_style

CASES = [
    "n2_h11w15c3_k4x5o7_s3x2_d2x3_p1,0,3,2",
    "n2_h10w14c6_k3x4o7_s2x3_d1x2_SAME",
    "n3_h13w10c4_k2x5o8_s4x3_d3x1_g2_p2,0,1,4",
    "n4_h28w30c32_k3x3o24_SAME_float64",
]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.framework("cuda"))])
def device(request):
    # cuDNN may choose Winograd or FFT, which round on integers; without it the products are summed as they are.
    with torch.backends.cudnn.flags(enabled=False, allow_tf32=False):
        yield request.param


def to_tf32(array):
    """Cut the fraction of float32, 23 bits, to the 10 bits of TF32."""
    return (array.view(torch.int32) & ~0x1FFF).view(torch.float32) if array.dtype == torch.float32 else array


def test_torch_without_cudnn_is_exact(device):
    report = check_backend(torch_style(F.conv2d, device=device), CASES)
    assert report.passed, report


def test_tf32_is_seen(device):
    def convolve(images, filters, **options):
        assert images.device.type == device
        return F.conv2d(to_tf32(images), to_tf32(filters), **options)

    conv2d_alone = Capabilities(operations=("conv2d",))
    report = check_backend(torch_style(convolve, device=device, capabilities=conv2d_alone, gradients=False), CASES)
    assert {failure.case for failure in report.failures} == set(CASES[:3])
