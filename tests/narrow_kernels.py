"""Kernels that take few kinds of calls, or many dtypes: right ones, and wrong ones that a few calls do not show."""

from __future__ import annotations

import numpy as np
from planted import Right

from reference_impl.backends.protocol import Capabilities, Lack
from reference_impl.cases.case import Case, Padding


def is_square(case: Case) -> bool:
    return case.height == case.width and case.kernel_size[0] == case.kernel_size[1]


SQUARE_STRIDE_1 = Capabilities(
    operations=("conv2d",),
    lacks=(
        Lack("takes squares only", lambda operation, case: not is_square(case)),
        Lack("knows no strides", lambda operation, case: case.strides != (1, 1)),
    ),
)
DEPTHWISE = Capabilities(
    operations=("conv2d",),
    lacks=(
        Lack("is depthwise only", lambda operation, case: not case.groups == case.input_channels > 1),
        Lack("knows no channel multiplier", lambda operation, case: case.output_channels != case.input_channels),
    ),
)


class Narrow(Right):
    """A right conv2d; `altered` is what a wrong one overrides."""

    def altered(self, input, filters, options):
        return input, filters, options

    def conv2d(self, input, filters, **options):
        input, filters, options = self.altered(input, filters, options)
        return super().conv2d(input, filters, **options)


class Never(Narrow):
    capabilities = Capabilities(operations=("conv2d",), lacks=(Lack("is not built yet", lambda operation, case: True),))


class Square(Narrow):
    capabilities = SQUARE_STRIDE_1


class Depthwise(Narrow):
    capabilities = DEPTHWISE


def swapped(padding: Padding) -> Padding:
    return padding if isinstance(padding, str) else tuple((after, before) for before, after in padding)


class OddElementBefore:
    """Takes SAME for SAME_LOWER."""

    def altered(self, input, filters, options):
        same = options["padding"] == "SAME"
        return input, filters, options | ({"padding": "SAME_LOWER"} if same else {})


class PadsSwapped:
    """Pads explicitly after where it should before."""

    def altered(self, input, filters, options):
        return input, filters, options | {"padding": swapped(options["padding"])}


class NoDilation:
    """Ignores the dilations in SAME, where the shape does not tell."""

    def altered(self, input, filters, options):
        return input, filters, options | ({"dilations": (1, 1)} if options["padding"] == "SAME" else {})


class FirstImage:
    """Computes the first image, and repeats it in small batches."""

    def altered(self, input, filters, options):
        return np.repeat(input[:1], len(input), axis=0) if len(input) < 64 else input, filters, options


class FewChannels:
    """Reads four input channels, the width of its vector."""

    def altered(self, input, filters, options):
        few = filters.copy()
        few[:, :, 4:] = 0
        return input, few, options


class FlippedFrom3:
    """Rotates kernels from 3x3 on."""

    def altered(self, input, filters, options):
        return input, filters[::-1, ::-1] if len(filters) >= 3 else filters, options


class LastRow:
    """Forgets the last row of kernels from 4x4 on."""

    def altered(self, input, filters, options):
        forgetful = filters.copy()
        forgetful[3:4] = 0
        return input, forgetful, options


class HeightForWidth:
    """Takes the height's stride for the width's in SAME, if the sizes of the output are the same."""

    def altered(self, input, filters, options):
        (stride, other), width = options["strides"], input.shape[2]
        alike = options["padding"] == "SAME" and -(-width // stride) == -(-width // other)
        return input, filters, options | ({"strides": (stride, stride)} if alike else {})


class LastGroupsAlike:
    """Takes the filter of group 2 for all groups after it, below 8 groups."""

    def altered(self, input, filters, options):
        alike = filters.copy()
        if 2 < options["groups"] < 8:
            alike[..., 2:] = alike[..., 2:3]
        return input, alike, options


def wrong(kernel: type[Narrow], mistake: type) -> type[Narrow]:
    return type(f"{kernel.__name__}{mistake.__name__}", (mistake, kernel), {"__doc__": mistake.__doc__})


WRONG_SQUARES = [
    wrong(Square, mistake)
    for mistake in (OddElementBefore, PadsSwapped, NoDilation, FirstImage, FewChannels, FlippedFrom3, LastRow)
]
WRONG_DEPTHWISE = [
    wrong(Depthwise, mistake) for mistake in (OddElementBefore, PadsSwapped, NoDilation, LastRow, LastGroupsAlike)
]


class OfDtypes(Narrow):
    """Declares what many kernels do: the default dtypes and some more."""

    capabilities = Capabilities(
        operations=("conv2d",), dtypes=("float32", "float64", "float16", "bfloat16", "int32", "int64", "uint8")
    )


class WrongIn(OfDtypes):
    dtype = ""

    def altered(self, input, filters, options):
        return input, filters[::-1, ::-1] if input.dtype.name == self.dtype else filters, options


class Int64ThroughFloat64(OfDtypes):
    """Sums int64 in float64, which holds 53 bits."""

    def spoil(self, answer, arrays):
        return answer.astype(np.float64).astype(np.int64) if answer.dtype == np.int64 else answer


WRONG_IN_A_DTYPE = [
    type(f"WrongIn_{dtype}", (WrongIn,), {"dtype": dtype}) for dtype in ("float16", "bfloat16", "int64", "uint8")
]


class LeftOver(OfDtypes):
    """Rotates the kernel in float32, if the call before was in float32 with another kernel; float64 clears this."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32", "float64", "int32"))

    def __init__(self):
        self.last = None

    def altered(self, input, filters, options):
        if input.dtype == np.float64:
            self.last = None
            return input, filters, options
        last, self.last = self.last, (input.dtype, filters.shape)
        stale = input.dtype == np.float32 and last is not None and last[0] == input.dtype and last[1] != filters.shape
        return input, filters[::-1, ::-1] if stale else filters, options
