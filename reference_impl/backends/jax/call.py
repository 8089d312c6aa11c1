"""A convolution as JAX is asked for it: its two functions, and its gradients written as convolutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..padding import ForwardSizes

Function = Callable[..., Any]


@dataclass(frozen=True)
class JaxCall:
    """A `BilinearCall` of JAX. Arrays and shapes are in the layouts of images and of filters."""

    conv_function: Function
    conv_transpose_function: Function
    layouts: tuple[str, str]
    forward: ForwardSizes

    def __post_init__(self) -> None:
        # JAX would crop by negative padding. This suite has none.
        if min(before_or_after for axis in self.forward.pads for before_or_after in axis) < 0:
            raise ValueError(f"padding must be at least 0, not {self.forward.pads}")

    def convolution(self, images: Any, filters: Any) -> Any:
        own = self.forward
        return self.conv_function(
            images,
            filters,
            own.strides,
            own.padding if own.padding in ("VALID", "SAME", "SAME_LOWER") else own.pads,
            rhs_dilation=own.dilations,
            dimension_numbers=(*self.layouts, self.layouts[0]),
            feature_group_count=own.groups,
        )

    def transposed(self, cotangent: Any, filters: Any) -> Any:
        return self.conv_transpose_function(
            cotangent,
            filters,
            self.forward.strides,
            self._transposed_padding(),
            rhs_dilation=self.forward.dilations,
            dimension_numbers=(*self.layouts, self.layouts[0]),
            transpose_kernel=True,
            use_consistent_padding=True,
        )

    def input_gradient(self, filters: Any, cotangent: Any) -> Any:
        """Convolve the cotangent, with zeros between its elements, with the filters turned around."""
        own, (images, taps) = self.forward, self.layouts
        inputs, outputs = taps.index("I"), taps.index("O")
        by_group = jnp.split(filters, own.groups, outputs)
        exchanged = jnp.concatenate([jnp.swapaxes(group, inputs, outputs) for group in by_group], outputs)
        reach = [(size - 1) * dilation for size, dilation in zip(own.kernel, own.dilations, strict=True)]
        return self.conv_function(
            cotangent,
            jnp.flip(exchanged, (taps.index("H"), taps.index("W"))),
            (1, 1),
            [(most - before, most - after) for most, (before, after) in zip(reach, self._read_pads, strict=True)],
            lhs_dilation=own.strides,
            rhs_dilation=own.dilations,
            dimension_numbers=(images, taps, images),
            feature_group_count=own.groups,
        )

    def filter_gradient(self, images: Any, cotangent: Any) -> Any:
        """Convolve the images with the cotangent, over the batch: batch and channels are exchanged."""
        layout, taps = self.layouts
        return self.conv_function(
            images,
            cotangent,
            self.forward.dilations,
            self._read_pads,
            rhs_dilation=self.forward.strides,
            dimension_numbers=(
                layout.translate(str.maketrans("NC", "CN")),
                layout.translate(str.maketrans("NC", "IO")),
                taps.translate(str.maketrans("IO", "NC")),
            ),
            batch_group_count=self.forward.groups,
        )

    @property
    def input_sizes(self) -> tuple[int, ...]:
        return tuple(self.forward.input_sizes["NHWC".index(axis)] for axis in self.layouts[0])

    @property
    def filter_sizes(self) -> tuple[int, ...]:
        return tuple(self.forward.filter_sizes["HWIO".index(axis)] for axis in self.layouts[1])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the convolution's result, by JAX itself."""
        arrays = (jax.ShapeDtypeStruct(sizes, jnp.float32) for sizes in (self.input_sizes, self.filter_sizes))
        return jax.eval_shape(self.convolution, *arrays).shape

    def check_cotangent(self, shape: Any) -> None:
        """Raise ValueError unless the cotangent has the output's shape, which most of JAX's functions are not told."""
        if shape != self.output_shape:
            raise ValueError(
                f"the cotangent must have the shape that conv2d gives: {shape} is not {self.output_shape} "
                f"({self.layouts[0]})"
            )

    @property
    def _read_pads(self) -> list[tuple[int, int]]:
        """The pads without the positions at the end that no window reads. JAX would put further taps there."""
        unread = self.forward.windows[1]
        return [(before, after - rest) for (before, after), rest in zip(self.forward.pads, unread, strict=True)]

    def _transposed_padding(self) -> Any:
        """Return the word where `conv_transpose` gives this size for it, else the pads that give it."""
        own, by_word = self.forward, []
        for size, taps, stride, dilation, rest in zip(
            own.sizes, own.kernel, own.strides, own.dilations, own.windows[1], strict=True
        ):
            extent = (taps - 1) * dilation + 1
            by_word.append(size % stride == 0 if own.padding == "SAME" else rest == max(stride - extent, 0))
        return own.padding if own.padding in ("SAME", "VALID") and all(by_word) else self._read_pads
