"""The algebra of derivatives, for all frameworks: each derivative of a convolution is one of the four operations.

T(x, W, G) = < conv2d(x, W), G > is linear in each of its three arguments (operations.py). A framework has two functions
of two of them: `convolution(x, W)`, which is dT/dG, and `transposed(G, W)`, which is dT/dx. It can differentiate both,
once or twice, in reverse and in forward mode. The result is always a derivative of T again, which the oracle knows
exactly: by G it is conv2d, by x conv2d_backprop_input, and by W conv2d_backprop_filter.

Each class below asks for these three in its own way. In the table, c is `convolution`, t is `transposed`, and c_x is
the gradient of c by x. (f, g)_x is the gradient by x of two functions at once. D f is the derivative of f in forward
mode, along both its arguments.

                             conv2d         conv2d_backprop_input    conv2d_backprop_filter
    ReverseMode              t_G            c_x                      c_W
    Transposed               -              t                        t_W
    ForwardMode              D c            D c_x                    D c_W
    ReverseTwice             (c_x)_G        (c_W)_x                  (c_x)_W
    SecondOrder              (c_x, c_W)_G   (c_x, c_W)_x             (c_x, c_W)_W
    TransposedSecondOrder    (t_G, t_W)_G   (t_G, t_W)_x             (t_G, t_W)_W

conv2d_transpose is conv2d_backprop_input by another name. Only ForwardMode has another way to ask for it: D t.

The derivative of a linear function is the same at every point, so the adapters choose the point. They choose ones.
At zeros, a wrong derivative that keeps some of the function's value, or forgets a factor, would look right. Only the
routes torch:autograd, torch:func and tensorflow:tape take zeros (`at`); others take the same gradients at ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

# Where the product rule applies, both of its terms must show. The derivative of a bilinear f at (p, q) along (a, b) is
# f(a, q) + f(p, b). At p = 4 a and q = -2 b this is 2 f(a, b), so half of it is the answer. Neither term alone is
# 2 f(a, b), nor is f(a, b) or f(p, q). Powers of two keep the sum exact.
POINTS = (4, -2)
UNCLAIMED_AT_POINTS = {
    "special_values": "adds each product twice, with opposite signs: infinity minus infinity is NaN",
}


class BilinearCall(Protocol):
    """A convolution as a framework is asked for it. Arrays and shapes are in the framework's layout."""

    def convolution(self, images: Any, filters: Any) -> Any: ...
    def transposed(self, cotangent: Any, filters: Any) -> Any: ...
    @property
    def input_sizes(self) -> Any: ...
    @property
    def filter_sizes(self) -> Any: ...
    @property
    def output_shape(self) -> Any: ...


class Primitives:
    """Differentiation as a framework offers it. Each framework defines the primitives that its routes need."""

    at: ClassVar[int] = 1  # each element of the point at which `gradient` differentiates

    @staticmethod
    def filled(shape: Any, number: int, like: Any) -> Any:
        """Return an array that holds one number everywhere, in the dtype of `like`."""
        raise NotImplementedError

    @staticmethod
    def vjp(function: Callable, point: Any, cotangent: Any) -> Any:
        """Return the gradient of <function, cotangent> at `point`, in reverse mode."""
        raise NotImplementedError

    @staticmethod
    def jvp(function: Callable, points: Any, along: Any) -> Any:
        """Return the derivative of a function of two arguments at `points`, along both, in forward mode."""
        raise NotImplementedError

    @staticmethod
    def second(function: Callable, points: Any, cotangent: Any, along: Any) -> Any:
        """Differentiate twice in reverse mode: take both gradients of <function, cotangent> at `points`.

        Return the gradients of <these two, along>: by the first point, by the second, and by the cotangent.
        """
        raise NotImplementedError


class ReverseMode(Primitives):
    """Each operation is the gradient of the one that it is the adjoint of."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.gradient(lambda at: call.transposed(at, filters), call.output_shape, images)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.gradient(lambda at: call.convolution(at, filters), call.input_sizes, cotangent)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.gradient(lambda at: call.convolution(images, at), call.filter_sizes, cotangent)

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any) -> Any:
        return self.backprop_input(call, filters, cotangent)

    def gradient(self, linear: Callable, shape: Any, cotangent: Any) -> Any:
        """Return the gradient of a linear function of an array of this shape."""
        return self.vjp(linear, self.filled(shape, self.at, cotangent), cotangent)


class Transposed(ReverseMode):
    """Both gradients by `transposed`; the input's is its value. ReverseMode has its gradient by G, conv2d."""

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return call.transposed(cotangent, filters)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.gradient(lambda at: call.transposed(cotangent, at), call.filter_sizes, images)


class ForwardMode(ReverseMode):
    """Forward mode, along both arguments at once: of both functions, and of ReverseMode's gradients."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.product_rule(call.convolution, images, filters)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.product_rule(partial(super().backprop_input, call), filters, cotangent)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.product_rule(partial(super().backprop_filter, call), images, cotangent)

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any) -> Any:
        return self.product_rule(call.transposed, cotangent, filters)

    def product_rule(self, bilinear: Callable, *along: Any) -> Any:
        """Return `bilinear(*along)`: half its derivative at `POINTS` times `along`."""
        return self.jvp(bilinear, _points(along), along) / 2


class ReverseTwice(ReverseMode):
    """Reverse mode of ReverseMode, one gradient at a time."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        gradient = super().backprop_input
        return self.gradient(lambda at: gradient(call, filters, at), call.output_shape, images)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        gradient = super().backprop_filter
        return self.gradient(lambda at: gradient(call, at, cotangent), call.input_sizes, filters)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        gradient = super().backprop_input
        return self.gradient(lambda at: gradient(call, at, cotangent), call.filter_sizes, images)


class SecondOrder(Primitives):
    """Reverse mode of both gradients of `convolution` at once."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.by_cotangent(call.convolution, call.output_shape, images, filters)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.by_first(call.convolution, call.input_sizes, filters, cotangent)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.by_filters(call.convolution, call.filter_sizes, images, cotangent)

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any) -> Any:
        return self.backprop_input(call, filters, cotangent)

    def by_first(self, bilinear: Callable, shape: Any, filters: Any, cotangent: Any) -> Any:
        points = self.filled(shape, 1, filters), self.filled(filters.shape, 1, filters)
        return self.second(bilinear, points, cotangent, (points[0], filters))[0]

    def by_filters(self, bilinear: Callable, shape: Any, first: Any, cotangent: Any) -> Any:
        points = self.filled(first.shape, 1, first), self.filled(shape, 1, first)
        return self.second(bilinear, points, cotangent, (first, points[1]))[1]

    def by_cotangent(self, bilinear: Callable, shape: Any, *along: Any) -> Any:
        """Use the product rule: both gradients are linear in the cotangent."""
        return self.second(bilinear, _points(along), self.filled(shape, 1, along[0]), along)[2] / 2


class TransposedSecondOrder(SecondOrder):
    """Reverse mode of both gradients of `transposed` at once."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.by_first(call.transposed, call.output_shape, filters, images)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.by_cotangent(call.transposed, call.input_sizes, cotangent, filters)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.by_filters(call.transposed, call.filter_sizes, cotangent, images)


def _points(along: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(scale * direction for scale, direction in zip(POINTS, along, strict=True))
