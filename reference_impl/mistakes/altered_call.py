"""What a mistake is made of: one call to one of the four operations, to be answered, rightly or after a change.

The three arrays of the trilinear form, T(input, filters, output), are its roles: two are given, and the third has
the shape of the answer. So "the kernel is flipped" is one change of the filters, as an argument or as the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import operations
from ..arguments import Padding, Sizes
from ..geometry import Axis, Convolution

ASKED = {
    "conv2d": "output",
    "conv2d_backprop_input": "input",
    "conv2d_backprop_filter": "filters",
    "conv2d_transpose": "input",
}

Change = Callable[[np.ndarray], np.ndarray]


class NoAnswer(ValueError):
    """What a mistake asks for does not exist. Kernels that make it refuse, or answer anything."""


@dataclass(frozen=True)
class Slide:
    """A kernel that slides along one axis: output h reads input h * stride + tap * dilation - before, or zero outside.

    Unlike `geometry.Axis` it takes any numbers, `before` below 0 too, and gives as many outputs as it is told.
    """

    input: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int

    @classmethod
    def of(cls, axis: Axis) -> Slide:
        return cls(
            axis.input_size,
            axis.kernel_size,
            axis.stride,
            axis.dilation,
            axis.pad_before,
            axis.pad_after,
            axis.output_size,
        )

    @property
    def extent(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    @property
    def spanned(self) -> int:
        """Positions from the first that a window holds to the last, padding included."""
        return max(self.output - 1, 0) * self.stride + self.extent

    @property
    def total(self) -> int:
        """The zeros that SAME adds."""
        return max(self.unclamped_total, 0)

    @property
    def unclamped_total(self) -> int:
        return (-(-self.input // self.stride) - 1) * self.stride + self.extent - self.input

    @property
    def leftover(self) -> int:
        """Positions at the end of the padded input that no window reaches."""
        return self.before + self.input + self.after - self.spanned

    def places(self) -> tuple[slice, slice]:
        """Where the input lies in what is spanned, and which part of the input that is."""
        first, stop = max(self.before, 0), min(self.before + self.input, self.spanned)
        if first >= stop:
            return slice(0, 0), slice(0, 0)
        return slice(first, stop), slice(first - self.before, stop - self.before)


@dataclass(frozen=True, eq=False)
class AlteredCall:
    """One call, its arrays by role and in the widest type; `given` are the caller's own, in the order of the call."""

    operation: str
    given: tuple[np.ndarray, ...]
    arrays: dict[str, np.ndarray]
    slides: tuple[Slide, Slide]
    batch: int
    input_channels: int
    output_channels: int
    groups: int
    padding: Padding
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float32))

    @classmethod
    def of(
        cls,
        operation: str,
        arrays: dict[str, np.ndarray],
        input_sizes: Sequence[int],
        filter_sizes: Sequence[int],
        padding: Padding = "VALID",
        strides: Any = 1,
        dilations: Any = 1,
        groups: int = 1,
    ) -> AlteredCall:
        sizes: tuple[Sizes, Sizes] = tuple(input_sizes), tuple(filter_sizes)  # type: ignore[assignment]
        convolution = Convolution.checked(*sizes, strides, padding, dilations, groups)
        given = tuple(arrays.values())
        wide = np.int64 if given[0].dtype.kind in "biu" else np.float64
        return cls(
            operation,
            given,
            {role: array.astype(wide) for role, array in arrays.items()},
            (Slide.of(convolution.height), Slide.of(convolution.width)),
            convolution.batch,
            convolution.input_channels,
            convolution.output_channels,
            convolution.groups,
            padding,
            given[0].dtype,
        )

    @property
    def asked(self) -> str:
        """The role that the answer has."""
        return ASKED[self.operation]

    @property
    def mode(self) -> str:
        """The padding word, or EXPLICIT."""
        return self.padding if isinstance(self.padding, str) else "EXPLICIT"

    @property
    def strides(self) -> tuple[int, int]:
        height, width = self.slides
        return height.stride, width.stride

    @property
    def dilations(self) -> tuple[int, int]:
        height, width = self.slides
        return height.dilation, width.dilation

    def shape(self, role: str) -> Sizes:
        height, width = self.slides
        return {
            "input": (self.batch, height.input, width.input, self.input_channels),
            "filters": (height.kernel, width.kernel, self.input_channels // self.groups, self.output_channels),
            "output": (self.batch, height.output, width.output, self.output_channels),
        }[role]

    def answer(self) -> np.ndarray:
        """The exact answer to the call as it now stands: the oracle's, on an input that is padded or cut first."""
        arrays, (height, width) = self.arrays, self.slides
        spanned = self.batch, height.spanned, width.spanned, self.input_channels
        options: dict[str, Any] = {
            "strides": self.strides,
            "dilations": self.dilations,
            "groups": self.groups,
        }
        inside, of_input = ((slice(None), *rows_and_columns) for rows_and_columns in self._places())
        if self.asked == "input":
            spread = operations.conv2d_backprop_input(spanned, arrays["filters"], arrays["output"], **options)
            answer = np.zeros(self.shape("input"), spread.dtype)
            answer[of_input] = spread[inside]
            return answer
        placed = np.zeros(spanned, arrays["input"].dtype)
        placed[inside] = arrays["input"][of_input]
        if self.asked == "filters":
            return operations.conv2d_backprop_filter(placed, self.shape("filters"), arrays["output"], **options)
        return operations.conv2d(placed, arrays["filters"], **options)

    def _places(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        places = [slide.places() for slide in self.slides]
        return tuple(inside for inside, _ in places), tuple(of_input for _, of_input in places)

    def with_arrays(self, **arrays: np.ndarray) -> AlteredCall:
        """The same with other arrays in these roles."""
        return replace(self, arrays={**self.arrays, **arrays})

    def sliding(self, *slides: Slide) -> AlteredCall:
        """The same with other geometry."""
        height, width = slides
        return replace(self, slides=(height, width))

    def along(self, **changes: Callable[[Slide], int]) -> AlteredCall:
        """The same with fields of both axes changed: `q.along(stride=lambda axis: 1)`."""
        return self.sliding(
            *(replace(slide, **{name: change(slide) for name, change in changes.items()}) for slide in self.slides)
        )

    def exchanged(self, *names: str) -> AlteredCall:
        """The same with these fields of height and width exchanged."""
        height, width = self.slides
        return self.sliding(
            replace(height, **{name: getattr(width, name) for name in names}),
            replace(width, **{name: getattr(height, name) for name in names}),
        )

    def called(self, **options: Any) -> AlteredCall:
        """The same with other strides, dilations or padding in the call, so that sizes and zeros follow from them."""
        asked = {"strides": self.strides, "padding": self.padding, "dilations": self.dilations, **options}
        try:
            sizes = Convolution.checked(self.shape("input"), self.shape("filters"), groups=self.groups, **asked)
        except ValueError as error:
            raise NoAnswer(str(error)) from error
        return self.sliding(Slide.of(sizes.height), Slide.of(sizes.width))

    def padded(self, modes: str, before: Callable[[Slide], int]) -> AlteredCall:
        """The same with so many zeros before each axis, where the padding is one of `modes`."""
        return self.along(before=before) if self.mode in modes.split() else self

    def through(self, role: str, change: Change, back: Change | None = None) -> np.ndarray:
        """The answer with `role` read through `change` or, where it is what is asked for, written through `back`."""
        if role == self.asked:
            return (back or change)(self.answer())
        return self.with_arrays(**{role: change(self.arrays[role])}).answer()

    def without(self, role: str, *index: Any) -> np.ndarray:
        """The answer with these elements of `role` ignored or, where it is what is asked for, left zero."""
        return self.weighted(role, 0, *index)

    def weighted(self, role: str, weight: int, *index: Any) -> np.ndarray:
        """The answer with these elements of `role` taken `weight` times."""

        def weigh(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array[index] = array[index] * weight if weight else 0
            return array

        return self.through(role, weigh)

    def cast(self, answer: np.ndarray) -> np.ndarray:
        """An answer in the dtype of the arguments."""
        with np.errstate(all="ignore"):
            return answer.astype(self.dtype)
