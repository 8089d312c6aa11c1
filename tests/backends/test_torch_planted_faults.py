"""Faults planted in one derivative of torch fail the routes that take it, and no others."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from planted import failing_routes
from torch.nn import grad

from reference_impl.backends.torch import NAMED, ROUTES
from reference_impl.cases.case import Case

CASE = Case.parse("n2_h8w9c4_k3x2o6_s2x3_g2_p1,1,2,2")


def custom(value, backward, jvp=None):
    """A bilinear function with derivatives of its own; by default, its jvp is the product rule."""

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(first, second):
            return value(first, second)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, cotangent):
            return backward(*ctx.saved_tensors, cotangent)

        @staticmethod
        def jvp(ctx, along_first, along_second):
            first, second = ctx.saved_tensors
            if jvp is not None:
                return jvp(first, second, along_first, along_second)
            return value(along_first, second) + value(first, along_second)

    return Custom.apply


class Conv2d:
    """`F.conv2d` with its derivatives written out. Each subclass gets one of them wrong."""

    replaces = "conv2d_function"

    def __init__(self, images, filters, **options):
        self.shapes, self.options = (images.shape, filters.shape), options

    def value(self, images, filters):
        return F.conv2d(images, filters, **self.options)

    def by_images(self, filters, cotangent):
        return grad.conv2d_input(self.shapes[0], filters, cotangent, **self.options)

    def by_filters(self, images, cotangent):
        return grad.conv2d_weight(images, self.shapes[1], cotangent, **self.options)

    def backward(self, images, filters, cotangent):
        return self.by_images(filters, cotangent), self.by_filters(images, cotangent)

    def jvp(self, images, filters, along_images, along_filters):
        return self.value(along_images, filters) + self.value(images, along_filters)

    @classmethod
    def planted(cls, images, filters, bias=None, **options):
        own = cls(images, filters, **options)
        value = custom(own.value, own.backward, own.jvp)(images, filters)
        return value if bias is None else value + bias[:, None, None]


class ConvTranspose2d(Conv2d):
    """`F.conv_transpose2d` likewise."""

    replaces = "conv_transpose2d_function"

    def __init__(self, images, filters, *, output_padding, **options):
        super().__init__(images, filters, **options)
        self.output_padding = output_padding

    def value(self, images, filters):
        return F.conv_transpose2d(images, filters, **self.options, output_padding=self.output_padding)

    def by_images(self, filters, cotangent):
        return F.conv2d(cotangent, filters, **self.options)

    def by_filters(self, images, cotangent):
        return grad.conv2d_weight(cotangent, self.shapes[1], images, **self.options)


class JvpForgetsTheFilters(Conv2d):
    def jvp(self, images, filters, along_images, along_filters):
        return self.value(along_images, filters)


class JvpOfGradientForgetsTheCotangent(Conv2d):
    def by_filters(self, images, cotangent):
        def backward(images, cotangent, along):
            return self.by_images(along, cotangent), self.value(images, along)

        gradient = super().by_filters
        return custom(gradient, backward, lambda _, cotangent, along, __: gradient(along, cotangent))(images, cotangent)


class GradientAddsThePoint(Conv2d):
    def backward(self, images, filters, cotangent):
        return self.by_images(filters, cotangent) + images, self.by_filters(images, cotangent)


class SecondDerivativeIsZero(Conv2d):
    def by_images(self, filters, cotangent):
        def backward(filters, cotangent, along):
            return torch.zeros_like(filters), self.value(along, filters)

        return custom(super().by_images, backward)(filters, cotangent)


class SecondDerivativeForgetsTheStride(Conv2d):
    def by_filters(self, images, cotangent):
        def backward(images, cotangent, along):
            dense = F.conv2d(images, along, **{**self.options, "stride": 1})
            return self.by_images(along, cotangent), dense[:, :, : cotangent.shape[2], : cotangent.shape[3]]

        return custom(super().by_filters, backward)(images, cotangent)


class GradientIsRightAtFirstOrderOnly(Conv2d):
    def backward(self, images, filters, cotangent):
        return tuple(gradient.detach() for gradient in super().backward(images, filters, cotangent))


class TransposedJvpForgetsTheImages(ConvTranspose2d):
    def jvp(self, images, filters, along_images, along_filters):
        return self.value(images, along_filters)


class TransposedGradientFlipsTheFilters(ConvTranspose2d):
    def by_filters(self, images, cotangent):
        return super().by_filters(images, cotangent).flip(2, 3)


class TransposedSecondDerivativeIsZero(ConvTranspose2d):
    def by_images(self, filters, cotangent):
        def backward(filters, cotangent, along):
            return torch.zeros_like(filters), self.value(along, filters)

        return custom(super().by_images, backward)(filters, cotangent)


@pytest.mark.parametrize("right", [Conv2d, ConvTranspose2d])
def test_routes_pass_derivatives_that_are_right(right):
    assert failing_routes(ROUTES, CASE, **{right.replaces: right.planted}) == set()


@pytest.mark.parametrize(
    ("planted", "routes"),
    [
        (JvpForgetsTheFilters, {"forward"}),
        (JvpOfGradientForgetsTheCotangent, {"forward"}),
        (TransposedJvpForgetsTheImages, {"forward"}),
        (GradientAddsThePoint, {"double_backward", "bias"}),
        (SecondDerivativeIsZero, {"double_backward"}),
        (SecondDerivativeForgetsTheStride, {"double_backward"}),
        (GradientIsRightAtFirstOrderOnly, {"forward", "double_backward"}),
        (TransposedGradientFlipsTheFilters, {"transposed", "transposed_double_backward"}),
        (TransposedSecondDerivativeIsZero, {"transposed_double_backward"}),
    ],
)
def test_planted_fault_fails_the_routes_that_take_it(planted, routes):
    assert failing_routes(ROUTES, CASE, **{planted.replaces: planted.planted}) == routes


class WithoutInductor(NAMED["compile"]):
    """torch:compile without the C++ compiler, which takes seconds; padding, cropping and gradients are the same."""

    compiler = "eager"


@pytest.mark.parametrize("case", [CASE, Case.parse("n1_h7w6c2_k2x3o4_s2x1_p1,0,2,1")])
def test_compiled_route_is_right(case):
    assert failing_routes({"compile": WithoutInductor}, case) == set()


def test_compiled_route_sees_a_planted_fault():
    def shifted(images, filters, **options):
        return F.conv2d(images, filters, **options).roll(1, 2)

    assert failing_routes({"compile": WithoutInductor}, CASE, conv2d_function=shifted) == {"compile"}
