"""Faults planted in one function or derivative of JAX fail the routes that take it, and no others."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.custom_derivatives import SymbolicZero
from planted import failing_routes

from reference_impl.backends.jax import ROUTES
from reference_impl.cases.case import Case

CASE = Case.parse("n2_h8w9c3_k3x2o4_s2x3_SAME")
GROUPED = Case.parse("n2_h8w9c4_k3x2o6_s2x3_g2_SAME")
FUNCTIONS = {"", "jit", "nchw"}  # the routes that take no derivative


class Convolution:
    """`lax.conv_general_dilated` with its derivatives along either argument. Each subclass gets something wrong."""

    replaces = "conv_function"

    def __init__(self, images, filters, strides, padding, **options):
        self.strides, self.padding, self.options = strides, padding, options

    def value(self, images, filters):
        return lax.conv_general_dilated(images, filters, self.strides, self.padding, **self.options)

    def along_images(self, along, filters):
        return self.value(along, filters)

    def along_filters(self, images, along):
        return self.value(images, along)

    def jvp(self, points, along):
        """Sum over the arguments that are differentiated; for the others, `along` has None."""
        first = 0 if along[0] is None else self.along_images(along[0], points[1])
        return first + (0 if along[1] is None else self.along_filters(points[0], along[1]))

    @classmethod
    def planted(cls, images, filters, strides, padding, **options):
        own = cls(images, filters, strides, padding, **options)

        def both(points, along):
            tangents = [None if isinstance(each, SymbolicZero) else each for each in along]
            return own.value(*points), own.jvp(points, tangents)

        function = jax.custom_jvp(own.value)
        function.defjvp(both, symbolic_zeros=True)
        return function(images, filters)


class ConvTranspose(Convolution):
    """`lax.conv_transpose` likewise."""

    replaces = "conv_transpose_function"

    def value(self, images, filters):
        return lax.conv_transpose(images, filters, self.strides, self.padding, **self.options)


class ForgetsTheZerosBetween(Convolution):
    def __init__(self, images, filters, strides, padding, lhs_dilation=None, **options):
        height, width = images.shape[1:3] if options["dimension_numbers"][0] == "NHWC" else images.shape[2:]
        if lhs_dilation is not None:
            # The answer has the same size, but all zeros are at the end.
            longer = ((height - 1) * (lhs_dilation[0] - 1), (width - 1) * (lhs_dilation[1] - 1))
            padding = [(before, after + more) for (before, after), more in zip(padding, longer, strict=True)]
        super().__init__(images, filters, strides, padding, **options)


class SwapsHeightAndWidthInNCHW(Convolution):
    def __init__(self, images, filters, strides, padding, **options):
        in_nchw = options["dimension_numbers"][2] == "NCHW"
        super().__init__(images, filters, strides[::-1] if in_nchw else strides, padding, **options)


class TakesBatchGroupsInterleaved(Convolution):
    def value(self, images, filters):
        answer, groups = super().value(images, filters), self.options.get("batch_group_count", 1)
        outputs = self.options["dimension_numbers"][2].index("C")
        by_group = jnp.split(answer, answer.shape[outputs] // groups, outputs)
        return jnp.concatenate([part for turn in range(groups) for part in by_group[turn::groups]], outputs)


class JvpForgetsTheFilters(Convolution):
    def jvp(self, points, along):
        # Reverse mode asks for one argument at a time.
        return super().jvp(points, along if along[0] is None else (along[0], None))


class GradientFlipsTheFilters(Convolution):
    def along_images(self, along, filters):
        return self.value(along, jnp.flip(filters, (0, 1)))


class GradientForgetsTheFirstImage(Convolution):
    def along_filters(self, images, along):
        return self.value(images.at[0].set(0), along)


class GradientIsRightAtFirstOrderOnly(Convolution):
    def along_images(self, along, filters):
        return self.value(along, lax.stop_gradient(filters))

    def along_filters(self, images, along):
        return self.value(lax.stop_gradient(images), along)


class TransposedGradientFlipsTheFilters(ConvTranspose):
    def along_images(self, along, filters):
        return self.value(along, jnp.flip(filters, (0, 1)))


class TransposedGradientForgetsTheFirstImage(ConvTranspose):
    def along_filters(self, images, along):
        return self.value(images.at[0].set(0), along)


@pytest.mark.parametrize("right", [Convolution, ConvTranspose])
def test_routes_pass_functions_that_are_right(right):
    assert failing_routes(ROUTES, CASE, **{right.replaces: right.planted}) == set()


@pytest.mark.parametrize(
    ("planted", "case", "routes"),
    [
        (ForgetsTheZerosBetween, CASE, FUNCTIONS),
        (SwapsHeightAndWidthInNCHW, CASE, {"nchw"}),
        (TakesBatchGroupsInterleaved, GROUPED, FUNCTIONS),
        (JvpForgetsTheFilters, CASE, {"forward"}),
        (GradientFlipsTheFilters, CASE, {"vjp", "forward", "second_order"}),
        (GradientForgetsTheFirstImage, CASE, {"vjp", "forward", "second_order"}),
        (GradientIsRightAtFirstOrderOnly, CASE, {"forward", "second_order"}),
        (TransposedGradientFlipsTheFilters, CASE, {"vjp", "forward"}),
        (TransposedGradientForgetsTheFirstImage, CASE, {"transposed", "forward"}),
    ],
)
def test_planted_fault_fails_the_routes_that_take_it(planted, case, routes):
    assert failing_routes(ROUTES, case, **{planted.replaces: planted.planted}) == routes
