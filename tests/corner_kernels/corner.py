"""A corner kernel: the oracle, but for one mistake that it makes where several conditions hold at once.

The form is linear in its three arrays, so one mistake reads the same in all operations. For example, the last tap takes
no part: that zeroes an argument in three operations, and a part of the answer in the filter gradient.

Conditions and indices are Python expressions over these names:

    n h w c, kh kw o, sh sw, dh dw, g, word    as in a spec; word is the padding word, or EXPLICIT
    top bottom left right                      zeros around the image
    ih iw                                      height and width of the padded image
    eh ew                                      extents of the dilated kernel
    oh ow                                      height and width of the output
    lh lw                                      leftover rows and columns, which no window reads
    i j terms                                  input and output channels of a group; products that an output sums
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference_impl import operations
from reference_impl.cases.case import Case
from reference_impl.verdicts.call import Call

FORWARD = ("conv2d",)
INPUT = ("conv2d_backprop_input", "conv2d_transpose")
FILTERS = ("conv2d_backprop_filter",)
ALL = (*FORWARD, *INPUT, *FILTERS)

# The arrays of the form, as each operation calls them. The one that is not there is the answer.
_ROLES = {
    "conv2d": {"input": "input", "filters": "filters"},
    "conv2d_backprop_input": {"filters": "filters", "output": "out_backprop"},
    "conv2d_transpose": {"filters": "filters", "output": "input"},
    "conv2d_backprop_filter": {"input": "input", "output": "out_backprop"},
}

Mistake = Callable[[np.ndarray, dict], np.ndarray]
"""(the array of its role, names) -> the array as the kernel takes it, or answers it."""


def names_of(case: Case) -> dict:
    """The names that conditions and indices may use."""
    height, width = case.convolution.axes
    (top, bottom), (left, right) = case.convolution.padding
    return {
        "n": case.batch,
        "h": case.height,
        "w": case.width,
        "c": case.input_channels,
        "kh": case.kernel_size[0],
        "kw": case.kernel_size[1],
        "o": case.output_channels,
        "sh": case.strides[0],
        "sw": case.strides[1],
        "dh": case.dilations[0],
        "dw": case.dilations[1],
        "g": case.groups,
        "word": case.padding_mode,
        "top": top,
        "bottom": bottom,
        "left": left,
        "right": right,
        "ih": height.padded_size,
        "iw": width.padded_size,
        "eh": height.kernel_extent,
        "ew": width.kernel_extent,
        "oh": height.output_size,
        "ow": width.output_size,
        "lh": height.leftover,
        "lw": width.leftover,
        "i": case.input_channels // case.groups,
        "j": case.output_channels // case.groups,
        "terms": case.convolution.terms("conv2d"),
    }


def left_out(index: str) -> Mistake:
    """Leave out a part of the array."""

    def mistake(array, names):
        array[_index(index, names)] = 0
        return array

    return mistake


def read_as(index: str, other: str) -> Mistake:
    """Read another part of the array in place of the one at `index`."""

    def mistake(array, names):
        array[_index(index, names)] = array[_index(other, names)].copy()
        return array

    return mistake


def turned(*axes: int) -> Mistake:
    """Turn these axes round."""
    return lambda array, names: np.flip(array, axes).copy()


def shifted(steps: int, axis: int) -> Mistake:
    """Move the array along an axis; zeros come in."""

    def mistake(array, names):
        moved = np.zeros_like(array)
        whole, to, start = slice(None), slice(max(steps, 0), steps if steps < 0 else None), max(-steps, 0)
        stop = array.shape[axis] - max(steps, 0)
        moved[(*(whole,) * axis, to)] = array[(*(whole,) * axis, slice(start, stop))]
        return moved

    return mistake


def interleaved(groups: str = "g") -> Mistake:
    """Take channels of the last axis by turns for each group, not block by block."""

    def mistake(array, names):
        count = eval(groups, {}, names)
        split = array.reshape(*array.shape[:-1], array.shape[-1] // count, count)
        return np.ascontiguousarray(np.swapaxes(split, -1, -2)).reshape(array.shape)

    return mistake


def _index(index: str, names: dict):
    return eval(f"np.s_[{index}]", {"np": np}, names)


@dataclass(frozen=True)
class Corner:
    """A backend that is the oracle, but for `mistake` in the array `role`, where all `conditions` hold.

    Parameters
    ----------
    name, comment : the kernel's name, and the bug that it is modelled on
    operations : those that make the mistake
    conditions : expressions over the names of `names_of`
    witness : spec of a case on which it is wrong
    """

    name: str
    comment: str
    operations: tuple[str, ...]
    conditions: tuple[str, ...]
    role: str
    mistake: Mistake
    witness: str

    def applies(self, names: dict) -> bool:
        """Return True if all conditions hold."""
        return all(eval(condition, {}, names) for condition in self.conditions)

    def answer(self, call: Call) -> np.ndarray:
        """The kernel's answer, as int64 for integers and float64 for floats."""
        names = names_of(call.case)
        if call.operation not in self.operations or not self.applies(names):
            return call.run(operations)
        argument = _ROLES[call.operation].get(self.role)
        if argument is None:
            return self.mistake(call.run(operations), names)
        wrong = {**call.arrays, argument: self.mistake(call.arrays[argument].copy(), names)}
        return Call(call.operation, call.case, wrong).run(operations)

    def conv2d(self, input, filters, **options):
        case = _case(input.shape, filters.shape, options)
        return self._typed(Call("conv2d", case, {"input": input, "filters": filters}))

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        case = _case(input_sizes, filters.shape, options)
        return self._typed(Call("conv2d_backprop_input", case, {"filters": filters, "out_backprop": out_backprop}))

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        case = _case(input.shape, filter_sizes, options)
        return self._typed(Call("conv2d_backprop_filter", case, {"input": input, "out_backprop": out_backprop}))

    def conv2d_transpose(self, input, filters, output_shape, **options):
        case = _case(output_shape, filters.shape, options)
        return self._typed(Call("conv2d_transpose", case, {"input": input, "filters": filters}))

    def _typed(self, call: Call) -> np.ndarray:
        dtype = next(iter(call.arrays.values())).dtype
        wide = np.int64 if dtype.kind in "biu" else np.float64
        return self.answer(call.with_arrays(lambda array: array.astype(wide))).astype(dtype)


def _case(input_sizes, filter_sizes, options) -> Case:
    batch, height, width, channels = input_sizes
    strides, dilations = options["strides"], options["dilations"]
    kernel, outputs = tuple(filter_sizes[:2]), filter_sizes[3]
    return Case(
        batch, height, width, channels, kernel, outputs, strides, dilations, options["groups"], options["padding"]
    )
