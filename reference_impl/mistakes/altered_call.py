"""AlteredCall: a call to one of the four operations that can be altered before it is answered.

A mistake is a function of one AlteredCall, which it names `q`. It returns `q` with something altered, and the exact
answer to that is the mistake's answer:

    @mistake("The stride is ignored when the image is read.", right.WINDOWS, FORWARD)
    def stride_forgotten(q):
        return q.along(stride=lambda axis: 1)

Or it returns an array, which is the mistake's answer as it is:

    @mistake("The kernel is flipped along the width.", right.CROSS_CORRELATION)
    def kernel_mirrored(q):
        return q.through("filters", lambda array: array[:, ::-1])

A mistake that remembers earlier calls is a `behaviour`; see `mistake.py`.

The geometry to alter is in `q.slides`, one Slide for the height and one for the width. The arrays have roles: "input",
"filters" and "output". A call is given two of them; the third, `q.asked`, has the shape of the answer. So `through`
serves all four operations: it changes the filters where they are an argument, and the answer where they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
    """The altered call has no answer. A kernel that makes the mistake may refuse it, or answer anything."""


@dataclass(frozen=True)
class Slide:
    """A kernel that slides along one axis.

    Output h reads input h * stride + tap * dilation - before, or zero outside the input. Unlike `geometry.Axis`, a
    Slide takes any numbers, even a negative `before`, and has as many outputs as it is given.
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
        """Positions from the start of the first window to the end of the last, padding included."""
        return max(self.output - 1, 0) * self.stride + self.extent

    @property
    def total(self) -> int:
        """Zeros that SAME adds on both sides together."""
        return max(self.unclamped_total, 0)

    @property
    def unclamped_total(self) -> int:
        return (-(-self.input // self.stride) - 1) * self.stride + self.extent - self.input

    @property
    def leftover(self) -> int:
        """Positions at the end of the padded input that no window reaches."""
        return self.before + self.input + self.after - self.spanned

    def places(self) -> tuple[slice, slice]:
        """Return two slices: the part of the spanned positions that the input fills, and that part of the input."""
        first, stop = max(self.before, 0), min(self.before + self.input, self.spanned)
        if first >= stop:
            return slice(0, 0), slice(0, 0)
        return slice(first, stop), slice(first - self.before, stop - self.before)


@dataclass(frozen=True, eq=False)
class AlteredCall:
    """One call and its geometry.

    `arrays` are its arrays by role, in the widest type. `given` are the caller's own arrays, in the order of the call.
    """

    operation: str
    given: tuple[np.ndarray, ...]
    arrays: dict[str, np.ndarray]
    slides: tuple[Slide, Slide]
    batch: int
    input_channels: int
    output_channels: int
    groups: int
    padding: Padding
    dtype: np.dtype

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
        """Role of the answer."""
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
        """Return the oracle's exact answer to the call as it now stands; the input is padded or cut first."""
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
        """Return the call with other arrays in these roles."""
        return replace(self, arrays={**self.arrays, **arrays})

    def sliding(self, *slides: Slide) -> AlteredCall:
        """Return the call with other slides, the height's first."""
        height, width = slides
        return replace(self, slides=(height, width))

    def along(self, **changes: Callable[[Slide], int]) -> AlteredCall:
        """Return the call with these fields of both slides changed: `q.along(stride=lambda axis: 1)`."""
        return self.sliding(
            *(replace(slide, **{name: change(slide) for name, change in changes.items()}) for slide in self.slides)
        )

    def exchanged(self, *names: str) -> AlteredCall:
        """Return the call with these fields of height and width exchanged."""
        height, width = self.slides
        return self.sliding(
            replace(height, **{name: getattr(width, name) for name in names}),
            replace(width, **{name: getattr(height, name) for name in names}),
        )

    def called(self, **options: Any) -> AlteredCall:
        """Return the call as if it had been made with other strides, dilations or padding.

        The output's size and the zeros before follow from them. Raise NoAnswer if there is no such convolution.
        """
        asked = {"strides": self.strides, "padding": self.padding, "dilations": self.dilations, **options}
        try:
            sizes = Convolution.checked(self.shape("input"), self.shape("filters"), groups=self.groups, **asked)
        except ValueError as error:
            raise NoAnswer(str(error)) from error
        return self.sliding(Slide.of(sizes.height), Slide.of(sizes.width))

    def padded(self, modes: str, before: Callable[[Slide], int]) -> AlteredCall:
        """Return the call with `before` zeros before each axis, if its padding is one of the words `modes`."""
        return self.along(before=before) if self.mode in modes.split() else self

    def through(self, role: str, change: Change, back: Change | None = None) -> np.ndarray:
        """Return the answer with `role` changed.

        If `role` is given, it is read through `change`. If it is asked for, the answer is written through `back`, or
        through `change` if that undoes itself.
        """
        if role == self.asked:
            return (back or change)(self.answer())
        return self.with_arrays(**{role: change(self.arrays[role])}).answer()

    def without(self, role: str, *index: Any) -> np.ndarray:
        """Return the answer without these elements of `role`; if `role` is asked for, they are zero."""
        return self.weighted(role, 0, *index)

    def weighted(self, role: str, weight: int, *index: Any) -> np.ndarray:
        """Return the answer with these elements of `role` counted `weight` times."""

        def weigh(array: np.ndarray) -> np.ndarray:
            array = array.copy()
            array[index] = array[index] * weight if weight else 0
            return array

        return self.through(role, weigh)

    def cast(self, answer: np.ndarray) -> np.ndarray:
        """Return an answer in the dtype of the arguments."""
        with np.errstate(all="ignore"):
            return answer.astype(self.dtype)
