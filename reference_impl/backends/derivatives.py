"""The algebra of derivatives, for all frameworks: each derivative of a convolution is one of the four operations.

T(x, W, G) = < conv2d(x, W), G > is linear in each of its three arguments (operations.py). A framework has two functions
of two of them, `convolution(x, W)` = dT/dG and `transposed(G, W)` = dT/dx, and differentiates both. The result is again
conv2d, conv2d_backprop_input or conv2d_backprop_filter, so the oracle knows it exactly. Each class here is one way to
ask for all of them:

                             conv2d               conv2d_backprop_input    conv2d_backprop_filter
    ReverseMode              transposed, by G     convolution, by x        convolution, by W
    Transposed               -                    transposed, its value    transposed, by W
    ForwardMode              convolution          ReverseMode's            ReverseMode's
    ReverseTwice             (.. by x), by G      (.. by W), by x          (.. by x), by W
    SecondOrder              (convolution), by G  (convolution), by x      (convolution), by W
    TransposedSecondOrder    (transposed), by G   (transposed), by x       (transposed), by W

"f, by W" is the gradient of f by W, in reverse mode. ForwardMode takes the derivative of the function named, along both
arguments. In brackets is a gradient that is itself differentiated: `(.. by x)` is convolution's gradient by x, and
`(f)` are both gradients of f at once. conv2d_transpose is conv2d_backprop_input, but for ForwardMode, which
differentiates `transposed`.

A linear function has the same derivative at every point, so the point is ours to choose. It is 1, not 0: at 0 a wrong
derivative looks right if all that it adds is a multiple of the point or of the function's value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

# Where the product rule gives an answer twice, the two terms must both show. The derivative of a bilinear f at (p, q)
# along (a, b) is f(a, q) + f(p, b). At p = 4 a and q = -2 b it is 2 f(a, b): half of that is the answer. Neither term
# alone, nor f(a, b) nor f(p, q), is 2 f(a, b). Powers of two keep the sum exact.
POINTS = (4, -2)
UNCLAIMED_AT_POINTS = {
    "special_values": "sums each product twice, with either sign: infinity less infinity is NaN",
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
    """Differentiation in a framework's own words. A framework overrides those that its routes need."""

    at: ClassVar[int] = 1  # every element of the point at which a linear function is differentiated

    @staticmethod
    def filled(shape: Any, number: int, like: Any) -> Any:
        """An array of one number, in the dtype of `like`."""
        raise NotImplementedError

    @staticmethod
    def vjp(function: Callable, point: Any, cotangent: Any) -> Any:
        """Reverse mode: the gradient of <function, cotangent> at `point`."""
        raise NotImplementedError

    @staticmethod
    def jvp(function: Callable, points: Any, along: Any) -> Any:
        """Forward mode: the derivative of a function of two arguments at `points`, along both."""
        raise NotImplementedError

    @staticmethod
    def second(function: Callable, points: Any, cotangent: Any, along: Any) -> Any:
        """Reverse mode twice: take both gradients at `points`; return those of <gradients, along>.

        These are three: by the first point, by the second, and by the cotangent.
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
        return self.vjp(linear, self.filled(shape, self.at, cotangent), cotangent)


class Transposed(ReverseMode):
    """`transposed` gives both gradients. Its own gradient by G, conv2d, is ReverseMode's."""

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return call.transposed(cotangent, filters)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.gradient(lambda at: call.transposed(cotangent, at), call.filter_sizes, images)


class ForwardMode(ReverseMode):
    """Forward mode, along both arguments at once: of the two functions, and of reverse mode's gradients."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.product_rule(call.convolution, images, filters)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.product_rule(partial(super().backprop_input, call), filters, cotangent)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.product_rule(partial(super().backprop_filter, call), images, cotangent)

    def transpose(self, call: BilinearCall, cotangent: Any, filters: Any) -> Any:
        return self.product_rule(call.transposed, cotangent, filters)

    def product_rule(self, bilinear: Callable, *along: Any) -> Any:
        return self.jvp(bilinear, _points(along), along) / 2


class ReverseTwice(ReverseMode):
    """Reverse mode of one gradient at a time."""

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
    """Reverse mode of both gradients at once, of `convolution`."""

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
        """Both gradients are linear in the cotangent: the product rule again."""
        return self.second(bilinear, _points(along), self.filled(shape, 1, along[0]), along)[2] / 2


class TransposedSecondOrder(SecondOrder):
    """Reverse mode of both gradients at once, of `transposed`."""

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> Any:
        return self.by_first(call.transposed, call.output_shape, filters, images)

    def backprop_input(self, call: BilinearCall, filters: Any, cotangent: Any) -> Any:
        return self.by_cotangent(call.transposed, call.input_sizes, cotangent, filters)

    def backprop_filter(self, call: BilinearCall, images: Any, cotangent: Any) -> Any:
        return self.by_filters(call.transposed, call.filter_sizes, cotangent, images)


def _points(along: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(scale * direction for scale, direction in zip(POINTS, along, strict=True))
