"""What JAX is asked: one convolution and the functions that give its derivatives, in JAX's layouts and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..padding import Pads, windows

Function = Callable[..., Any]


@dataclass(frozen=True)
class JaxCall:
    """The bilinear functions of a convolution; `axes` are its sizes, kernel, strides and dilations, height first."""

    conv_function: Function
    conv_transpose_function: Function
    layouts: tuple[str, str]  # of images, of filters
    input_sizes: tuple[int, ...]
    filter_sizes: tuple[int, ...]
    axes: tuple[Any, Any, Any, Any]
    padding: Any
    pads: Pads
    groups: int

    def __post_init__(self) -> None:
        # JAX would crop by negative padding, which is no padding of ours.
        if min(before_or_after for axis in self.pads for before_or_after in axis) < 0:
            raise ValueError(f"padding must be at least 0, not {self.pads}")

    def convolution(self, images: Any, filters: Any) -> Any:
        _, _, strides, dilations = self.axes
        return self.conv_function(
            images,
            filters,
            strides,
            self.padding if self.padding in ("VALID", "SAME", "SAME_LOWER") else self.pads,
            rhs_dilation=dilations,
            dimension_numbers=(*self.layouts, self.layouts[0]),
            feature_group_count=self.groups,
        )

    def transposed(self, cotangent: Any, filters: Any) -> Any:
        _, _, strides, dilations = self.axes
        return self.conv_transpose_function(
            cotangent,
            filters,
            strides,
            self._transposed_padding(),
            rhs_dilation=dilations,
            dimension_numbers=(*self.layouts, self.layouts[0]),
            transpose_kernel=True,
            use_consistent_padding=True,
        )

    def input_gradient(self, filters: Any, cotangent: Any) -> Any:
        """The cotangent with zeros between its elements, convolved with the filters turned around."""
        _, kernel, strides, dilations = self.axes
        images, taps = self.layouts
        inputs, outputs = taps.index("I"), taps.index("O")
        by_group = jnp.split(filters, self.groups, outputs)
        exchanged = jnp.concatenate([jnp.swapaxes(group, inputs, outputs) for group in by_group], outputs)
        reach = [(size - 1) * dilation for size, dilation in zip(kernel, dilations, strict=True)]
        return self.conv_function(
            cotangent,
            jnp.flip(exchanged, (taps.index("H"), taps.index("W"))),
            (1, 1),
            [
                (most - before, most - after + rest)
                for most, (before, after), rest in zip(reach, self.pads, self._windows[1], strict=True)
            ],
            lhs_dilation=strides,
            rhs_dilation=dilations,
            dimension_numbers=(images, taps, images),
            feature_group_count=self.groups,
        )

    def filter_gradient(self, images: Any, cotangent: Any) -> Any:
        """The images convolved with the cotangent, over the batch: what are channels and batch is exchanged."""
        _, _, strides, dilations = self.axes
        layout, taps = self.layouts
        return self.conv_function(
            images,
            cotangent,
            dilations,
            # Without the end that no window reads, there is room for no further tap.
            [(before, after - rest) for (before, after), rest in zip(self.pads, self._windows[1], strict=True)],
            rhs_dilation=strides,
            dimension_numbers=(
                layout.translate(str.maketrans("NC", "CN")),
                layout.translate(str.maketrans("NC", "IO")),
                taps.translate(str.maketrans("IO", "NC")),
            ),
            batch_group_count=self.groups,
        )

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What JAX says that the convolution gives."""
        arrays = (jax.ShapeDtypeStruct(sizes, jnp.float32) for sizes in (self.input_sizes, self.filter_sizes))
        return jax.eval_shape(self.convolution, *arrays).shape

    def check_cotangent(self, shape: Any) -> None:
        """Raise ValueError where functions that are told of no output's shape would take another one."""
        if shape != self.output_shape:
            raise ValueError(
                f"the cotangent must have the shape that conv2d gives: {shape} is not {self.output_shape} "
                f"({self.layouts[0]})"
            )

    @property
    def _windows(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return windows(self.pads, *self.axes)

    def _transposed_padding(self) -> Any:
        """What `conv_transpose` is told: the word, where it gives this size, or the pads that give it."""
        by_word = []
        sizes, kernel, strides, dilations = self.axes
        for size, taps, stride, dilation, rest in zip(sizes, kernel, strides, dilations, self._windows[1], strict=True):
            extent = (taps - 1) * dilation + 1
            by_word.append(size % stride == 0 if self.padding == "SAME" else rest == max(stride - extent, 0))
        if self.padding in ("SAME", "VALID") and all(by_word):
            return self.padding
        # By numbers, it gives no positions at the end that no window of the convolution reads.
        return [(before, after - rest) for (before, after), rest in zip(self.pads, self._windows[1], strict=True)]
