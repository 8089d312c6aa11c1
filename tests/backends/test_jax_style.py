"""A function on JAX arrays becomes a backend, with its gradients by jax.vjp."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from reference_impl.conformance import Capabilities, check_backend, jax_style
from reference_impl.operations import OPERATIONS

CASES = ["n1_h6w5c2_k2x3o3_s2x1_p1,2,0,1"]
# XLA mixes groups: it multiplies values of other groups by zero, also an infinity.
GROUPED = Capabilities(flushes=("float64",), unclaimed={"special_values": "XLA's gradient of grouped filters"})


def wrong_backward(lhs, rhs, *options):
    """The right convolution with a wrong derivative: the filters are added to their gradient."""
    return lax.conv_general_dilated(lhs, rhs, *options) + _nothing(rhs)


@jax.custom_vjp
def _nothing(rhs):
    return jnp.zeros((), rhs.dtype)


_nothing.defvjp(lambda rhs: (_nothing(rhs), rhs), lambda rhs, cotangent: (rhs,))


def without_lhs_dilation(lhs, rhs, strides, padding, lhs_dilation, *options):
    return lax.conv_general_dilated(lhs, rhs, strides, padding, (1, 1), *options)


def failing(backend):
    return {record.operation for record in check_backend(backend, CASES).failures}


@pytest.mark.parametrize(
    ("layouts", "case", "capabilities"),
    [(("NHWC", "HWIO"), CASES[0], None), (("NCHW", "OIHW"), "n2_h7w9c4_k3x2o6_s2x3_d1x2_g2_SAME_float64", GROUPED)],
    ids=["NHWC", "NCHW"],
)
def test_jax_style_passes_jaxs_own_function(layouts, case, capabilities):
    backend = jax_style(lax.conv_general_dilated, name="own", layouts=layouts, capabilities=capabilities)
    report = check_backend(backend, [case])
    assert report.passed, report
    assert {record.operation for record in report.tally.records if record.outcome == "pass"} == set(OPERATIONS)


def test_jax_style_finds_a_wrong_derivative():
    assert failing(jax_style(wrong_backward)) == {"conv2d_backprop_filter"}
    assert failing(jax_style(wrong_backward, gradients=False)) == set()


def test_jax_style_finds_what_is_not_dilated():
    assert failing(jax_style(without_lhs_dilation)) == {"conv2d_transpose"}
    declared = Capabilities(operations=("conv2d",), flushes=("float32", "float64"))
    assert failing(jax_style(without_lhs_dilation, capabilities=declared)) == set()


def test_jax_style_leaves_jaxs_settings_alone():
    before = jax.config.jax_enable_x64
    check_backend(jax_style(lax.conv_general_dilated, gradients=False), CASES)
    assert jax.config.jax_enable_x64 == before


def test_jax_style_refuses_an_unknown_layout():
    with pytest.raises(ValueError, match="layouts must be an order of NHWC and one of HWIO"):
        jax_style(lax.conv_general_dilated, layouts=("NHWC", "NHWC"))
