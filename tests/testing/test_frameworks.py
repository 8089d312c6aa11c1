"""Tensors of the frameworks as their users have them: the assertions read them, and raise no alarm on right answers."""

from __future__ import annotations

import numpy as np
import pytest
from asserted import layer_arrays, random_layer

from reference_impl.testing import assert_conv2d, assert_conv2d_backprop_filter, assert_conv2d_backprop_input

DTYPES = ("float32", "float64", "bfloat16", "float16")


def layers(count=4):
    for seed in range(count):
        random = np.random.default_rng(seed)
        case = random_layer(random, "float32")
        yield case, layer_arrays(random, case)


@pytest.mark.framework("torch")
@pytest.mark.parametrize("dtype", DTYPES)
def test_torch(dtype):
    import torch
    import torch.nn.functional as F

    kind = getattr(torch, dtype)
    accumulate = {"accumulate": dtype} if dtype in ("float16", "bfloat16") else {}
    for case, arrays in layers():
        x = torch.from_numpy(arrays["input"].transpose(0, 3, 1, 2).copy()).to(kind).requires_grad_()
        x = x.to(memory_format=torch.channels_last) if case.batch > 1 else x
        w = torch.from_numpy(arrays["filters"].transpose(3, 2, 0, 1).copy()).to(kind).requires_grad_()
        g = torch.from_numpy(arrays["out_backprop"].transpose(0, 3, 1, 2).copy()).to(kind)
        (top, _), (left, _) = case.padding
        y = F.conv2d(x, w, stride=case.strides, padding=(top, left))
        dx, dw = torch.autograd.grad(y, (x, w), g)
        options = {"strides": case.strides, "padding": case.padding, "data_format": "NCHW"}
        assert_conv2d(y, x, w, **options)
        assert_conv2d_backprop_input(dx, x.shape, w, g, **options, **accumulate)
        assert_conv2d_backprop_filter(dw, x, w.shape, g, **options, **accumulate)


@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensorflow(dtype):
    import tensorflow as tf

    for case, arrays in layers():
        x, w = (tf.constant(arrays[name], dtype) for name in ("input", "filters"))
        y = tf.nn.conv2d(tf.Variable(x), w, case.strides, [[0, 0], *case.padding, [0, 0]])
        assert_conv2d(y, x, w, strides=case.strides, padding=case.padding)


@pytest.mark.framework("jax")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_jax(dtype):
    from jax import lax
    from jax import numpy as jnp

    for case, arrays in layers(2):
        x, w = (jnp.asarray(arrays[name], dtype) for name in ("input", "filters"))
        y = lax.conv_general_dilated(
            x, w, case.strides, case.padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
        )
        assert_conv2d(y, x, w, strides=case.strides, padding=case.padding)
