"""Every small geometry along one axis. Over this scope, operations are held to the definition exhaustively."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from reference_impl import definition

SIZES, KERNELS, STRIDES, DILATIONS = range(1, 7), range(1, 5), range(1, 4), range(1, 3)
PADDINGS = ("VALID", "SAME", "SAME_LOWER", "FULL", *itertools.product(range(3), repeat=2))

# The axis that stays: input 3, kernel 2, stride 2, dilation 1, a zero before.
OTHER_SIZE, OTHER_KERNEL, OTHER_STRIDE, OTHER_PADS = 3, 2, 2, (1, 0)
CHANNELS, OUTPUT_CHANNELS = 2, 3


class Geometry(NamedTuple):
    """Sizes and options that may leave the kernel no room: then `output_shape` has a 0."""

    input_sizes: tuple[int, int, int, int]
    filter_sizes: tuple[int, int, int, int]
    options: dict

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        return definition.output_shape(self.input_sizes, self.filter_sizes, **self.options)

    @property
    def depthwise(self) -> Geometry:
        """The same sizes, with each channel in a group of its own."""
        sizes, options = (*self.filter_sizes[:2], 1, CHANNELS), {**self.options, "groups": CHANNELS}
        return self._replace(filter_sizes=sizes, options=options)


def geometries(axis: str, kernel: int, padding: str | tuple[int, int]) -> Iterator[Geometry]:
    """Yield every size, stride and dilation along `axis`."""
    order = slice(None, None, 1 if axis == "height" else -1)
    for size, stride, dilation in itertools.product(SIZES, STRIDES, DILATIONS):
        yield Geometry(
            (1, *(size, OTHER_SIZE)[order], CHANNELS),
            (*(kernel, OTHER_KERNEL)[order], CHANNELS, OUTPUT_CHANNELS),
            {
                "strides": (stride, OTHER_STRIDE)[order],
                "padding": padding if isinstance(padding, str) else (padding, OTHER_PADS)[order],
                "dilations": (dilation, 1)[order],
                "groups": 1,
            },
        )


def with_windows(axis: str, kernel: int, padding: str | tuple[int, int]) -> list[Geometry]:
    """Return the `geometries` in which the kernel fits."""
    return [geometry for geometry in geometries(axis, kernel, padding) if all(geometry.output_shape)]


def without_windows(axis: str, kernel: int, padding: str | tuple[int, int]) -> list[Geometry]:
    """Return the `geometries` in which the kernel is larger than the padded input."""
    return [geometry for geometry in geometries(axis, kernel, padding) if not all(geometry.output_shape)]


def _parameter(axis: str, kernel: int, padding: str | tuple[int, int]):
    spelled = padding if isinstance(padding, str) else f"p{padding[0]},{padding[1]}"
    return pytest.param(axis, kernel, padding, id=f"{axis}-k{kernel}-{spelled}")


# The arguments of `geometries`, and those for which some size is too small for the kernel.
ALONG_ONE_AXIS = list(itertools.starmap(_parameter, itertools.product(("height", "width"), KERNELS, PADDINGS)))
TOO_SMALL_ALONG_ONE_AXIS = [parameter for parameter in ALONG_ONE_AXIS if without_windows(*parameter.values)]
