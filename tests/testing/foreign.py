"""A test file as another project has it: run by its own pytest, in a process of its own."""

import torch
import torch.nn.functional as F

from reference_impl.testing import assert_conv2d, assert_conv2d_backprop_filter

torch.manual_seed(0)
X = torch.randn(2, 3, 9, 11)
W = torch.randn(4, 3, 3, 3, requires_grad=True)
B = torch.randn(4)
OPTIONS = {"strides": (2, 1), "padding": ((1, 1), (1, 1)), "data_format": "NCHW"}


def convolve(x, w, b=None):
    return F.conv2d(x, w, b, stride=(2, 1), padding=1)


def test_right():
    assert_conv2d(convolve(X, W, B), X, W, bias=B, **OPTIONS)
    assert_conv2d(convolve(X.to(memory_format=torch.channels_last), W), X, W, **OPTIONS)
    half, weights = X.bfloat16(), W.bfloat16()
    assert_conv2d(convolve(half, weights), half, weights, **OPTIONS)


def test_right_gradient():
    y = convolve(X, W)
    g = torch.randn_like(y)
    (dw,) = torch.autograd.grad(y, W, g)
    assert_conv2d_backprop_filter(dw, X, W.shape, g, **OPTIONS)


def test_flipped():
    assert_conv2d(convolve(X, W.flip(2, 3), B), X, W, bias=B, **OPTIONS)


def test_one_row_is_zero():
    y = convolve(X, W).detach()
    y[:, :, -1] = 0
    assert_conv2d(y, X, W, **OPTIONS)


def test_axes_in_another_order():
    assert_conv2d(convolve(X, W).permute(0, 2, 3, 1), X, W, **OPTIONS)


def test_padding_is_forgotten():
    assert_conv2d(F.conv2d(X, W, stride=(2, 1)), X, W, **OPTIONS)


def test_nan_is_swallowed():
    x = X.clone()
    x[0, 1, 2, 3] = float("nan")
    assert_conv2d(convolve(x.nan_to_num(), W), x, W, **OPTIONS)


def test_truncated():
    """Sums with the last 8 bits of float64's surplus cut off, instead of rounded."""
    x, w = torch.randn(2, 16, 12, 12), torch.randn(8, 16, 3, 3)
    y = F.conv2d(x.double(), w.double(), padding=1).numpy()
    down = y.astype("float32")
    down = torch.from_numpy(down).where(
        torch.from_numpy(abs(down) <= abs(y)), torch.from_numpy(down).nextafter(torch.zeros(1))
    )
    assert_conv2d(down, x, w, padding=((1, 1), (1, 1)), data_format="NCHW")
