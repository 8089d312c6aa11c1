"""Wrong kernels that were written before the checks that catch them. The suite must catch each one.

They imitate what people and language models write: tap loops, im2col, einsum on window views, workspaces, plan caches.
`WRONG` has them all, by family. None uses the oracle or the catalogue of mistakes.
"""

from __future__ import annotations

import time
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from examples.kernels.im2col import Im2col
from examples.kernels.kernel import Plan, matrix
from examples.kernels.per_tap import PerTap
from reference_impl.conformance import Capabilities, Lack

WRONG: dict[type, str] = {}
"""Each kernel with its family."""
APART: set[type] = set()
"""Kernels that write to memory of others: they run in a process of their own only."""

NO_GROUPS = Lack("knows no groups", lambda operation, case: case.groups > 1)


def wrong(family, *, apart=False):
    def register(kernel):
        WRONG[kernel] = family
        if apart:
            APART.add(kernel)
        return kernel

    return register


class ConvolutionOnly:
    """`conv2d` without groups. A kernel gives `forward(input, filters, plan)`; the input is not padded."""

    capabilities = Capabilities(operations=("conv2d",), lacks=(NO_GROUPS,))

    def conv2d(self, input, filters, *, strides, padding, dilations, groups):
        return self.forward(input, filters, Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations))

    def forward(self, input, filters, plan):
        return tap_loop(plan.pad(input), filters, plan)


def tap_loop(padded, filters, plan):
    output = np.zeros((len(padded), *plan.outputs, filters.shape[3]), padded.dtype)
    for (p, q), rows, columns in plan.taps():
        output += padded[:, rows, columns] @ filters[p, q]
    return output


def windows_of(padded, plan):
    (sh, sw), (dh, dw) = plan.strides, plan.dilations
    return sliding_window_view(padded, plan.extents, (1, 2))[:, ::sh, ::sw, :, ::dh, ::dw]


def in_order(array):
    """The strides that the array would have if it were contiguous."""
    return tuple(int(np.prod(array.shape[axis + 1 :])) * array.itemsize for axis in range(array.ndim))


def from_pointer(array, count=None):
    """Elements in memory order from the first one, as a kernel in C sees them."""
    kind = np.ctypeslib.as_ctypes_type(array.dtype)
    count = array.size if count is None else count
    return np.ctypeslib.as_array((kind * count).from_address(array.__array_interface__["data"][0]))


# Memory: arrays that are not contiguous


@wrong("memory")
class ImageStrideAssumed(ConvolutionOnly):
    """It copies if an image is not contiguous, but takes images to follow one another."""

    def forward(self, input, filters, plan):
        if input.strides[1:] != in_order(input)[1:]:
            input = np.ascontiguousarray(input)
        return super().forward(as_strided(input, strides=in_order(input)), filters, plan)


@wrong("memory")
class RowStrideAssumed(ConvolutionOnly):
    """It looks at the strides of the two inner axes only, as a kernel with a leading dimension of W * C."""

    def forward(self, input, filters, plan):
        if input.strides[2:] != in_order(input)[2:]:
            input = input.copy()
        return super().forward(as_strided(input, strides=in_order(input)), filters, plan)


@wrong("memory")
class FiltersFromPointer(ConvolutionOnly):
    """It takes the filters' pointer where each row of taps is contiguous."""

    def forward(self, input, filters, plan):
        inner = filters.strides[1:] == in_order(filters)[1:]
        flat = from_pointer(filters) if inner and filters.size else filters.ravel()
        return super().forward(input, flat.reshape(filters.shape), plan)


@wrong("memory")
class CotangentImagesAssumed(PerTap):
    """Its filter gradient takes the images of the cotangent to follow one another."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        if out_backprop.strides[1:] == in_order(out_backprop)[1:]:
            out_backprop = as_strided(out_backprop, strides=in_order(out_backprop))
        return super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)


@wrong("memory")
class CroppedRows(PerTap):
    """Its input gradient reads images one behind the other where the first one is contiguous."""

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        if out_backprop.size and out_backprop[0].flags.c_contiguous:
            out_backprop = from_pointer(out_backprop).reshape(out_backprop.shape)
        return super().conv2d_backprop_input(input_sizes, filters, out_backprop, **options)


# Memory: strides of 0


@wrong("memory")
class ZeroStrideIsOneImage(PerTap):
    """It sums over one image where the images are one in memory, as after `broadcast_to`."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        if len(input) > 1 and out_backprop.strides[0] == 0:
            input, out_backprop = input[:1], out_backprop[:1]
        return super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)


@wrong("memory")
class ChannelsByStrides(ConvolutionOnly):
    """It computes the number of channels from the strides, which may be 0."""

    def forward(self, input, filters, plan):
        if input.size and input.strides[2] % input.strides[3]:
            raise ValueError("not NHWC")
        return super().forward(input, filters, plan)


@wrong("memory")
class ZeroStrideIsContiguous(ConvolutionOnly):
    """It takes a stride of 0 for that of a contiguous array, and reads on behind the filters."""

    def forward(self, input, filters, plan):
        return super().forward(input, filters if not filters.size or all(filters.strides) else _read_on(filters), plan)


def _read_on(filters):
    """The first row of filters, and zeros where a kernel would read on behind it."""
    result = np.zeros(filters.shape, filters.dtype)
    result[:1] = filters[:1]
    return result


# Memory: arguments that are one array


@wrong("memory")
class ScalesItsInputAndBack(PerTap):
    """It doubles its input in place and halves it again. The cotangent may be the same array."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        if not input.flags.writeable or input.dtype.kind != "f":
            return super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
        np.multiply(input, 2, out=input)
        result = super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
        np.divide(input, 2, out=input)
        return result / 2


@wrong("memory")
class PreparedByAddress(PerTap):
    """Within a call it prepares each array once, and tells arrays apart by their address."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        prepared = {}
        for array, scale in ((input, 1), (out_backprop, -1)):
            prepared.setdefault(array.__array_interface__["data"][0], array * array.dtype.type(scale))
        first, second = (prepared[array.__array_interface__["data"][0]] for array in (input, out_backprop))
        return -super().conv2d_backprop_filter(first, filter_sizes, second, **options)


@wrong("memory")
class SymmetricProduct(Im2col):
    """It computes one triangle only of a product of an array with itself."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        result = super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
        return np.tril(result) if np.shares_memory(input, out_backprop) else result


@wrong("memory")
class OverlapMeansOneArray(PerTap):
    """It takes filters that overlap the input in memory for the start of the input."""

    def conv2d(self, input, filters, **options):
        if np.may_share_memory(input, filters):
            filters = input.reshape(-1)[: filters.size].reshape(filters.shape)
        return super().conv2d(input, filters, **options)


# Memory: answers that are not written in full


@wrong("memory")
class LeftoverNotWritten(PerTap):
    """Its input gradient has memory that is not cleared, and writes only what windows read."""

    def to_input(self, filters, out_backprop, plan):
        result = super().to_input(filters, out_backprop, plan)
        answer = np.empty_like(result)
        rows, columns = ((n - 1) * s + e for n, s, e in zip(plan.outputs, plan.strides, plan.extents))
        answer[:, :rows, :columns] = result[:, :rows, :columns]
        return answer


@wrong("memory")
class LastTileNotWritten(ConvolutionOnly):
    """It writes whole tiles of four columns, and leaves the columns after them as they are."""

    def forward(self, input, filters, plan):
        right = super().forward(input, filters, plan)
        answer = np.empty_like(right)
        whole = right.shape[2] // 4 * 4
        answer[:, :, :whole] = right[:, :, :whole]
        return answer


@wrong("memory")
class NoChannelsNotWritten(ConvolutionOnly):
    """Where there are no input channels it returns memory that nobody has written to."""

    def forward(self, input, filters, plan):
        right = super().forward(input, filters, plan)
        return right if input.shape[3] else np.empty_like(right)


@wrong("memory")
class PaddedWindowsNotWritten(ConvolutionOnly):
    """It skips windows that lie in the padding alone, and does not clear them."""

    def forward(self, input, filters, plan):
        met = windows_of(plan.pad(np.ones_like(input[..., :1])), plan).any(axis=(3, 4, 5))
        right = super().forward(input, filters, plan)
        answer = np.empty_like(right)
        answer[met] = right[met]
        return answer


# Memory: writes that go beyond an array


@wrong("memory", apart=True)
class WritesBehindItsInput(ConvolutionOnly):
    """It appends a row of zeros to its input, in memory that belongs to others."""

    def forward(self, input, filters, plan):
        if input.flags.c_contiguous and input.flags.writeable and input.size:
            from_pointer(input, input.size + 4)[input.size :] = 0
        return super().forward(input, filters, plan)


@wrong("memory", apart=True)
class WritesWholeVectors(ConvolutionOnly):
    """It stores eight elements at a time, and so goes beyond an answer whose size is no multiple of 8."""

    def forward(self, input, filters, plan):
        answer = super().forward(input, filters, plan)
        if answer.size:
            from_pointer(answer, -(-answer.size // 8) * 8)[answer.size :] = 0
        return answer


@wrong("memory", apart=True)
class WritesBeforeItsOutput(PerTap):
    """Its filter gradient starts one element too early."""

    def conv2d_backprop_filter(self, *arguments, **options):
        answer = super().conv2d_backprop_filter(*arguments, **options)
        if answer.size:
            kind = np.ctypeslib.as_ctypes_type(answer.dtype)
            kind.from_address(answer.__array_interface__["data"][0] - answer.itemsize).value = 7
        return answer


# State: calls that come late


@wrong("state")
class FastAfterTenCalls(PerTap):
    """After ten calls it takes a path that leaves the last tap out."""

    def __init__(self):
        self.calls = 0

    def forward(self, padded, filters, plan):
        self.calls += 1
        if self.calls > 10 and filters.size:
            filters = filters.copy()
            filters[-1, -1] = 0
        return super().forward(padded, filters, plan)


@wrong("state")
class TunedAfterTenOfAShape(ConvolutionOnly):
    """It counts the calls of each shape, and after ten chooses an algorithm that flips the kernel."""

    def __init__(self):
        self.counts = {}

    def forward(self, input, filters, plan):
        key = input.shape, filters.shape
        self.counts[key] = self.counts.get(key, 0) + 1
        return super().forward(input, filters[::-1, ::-1] if self.counts[key] > 10 else filters, plan)


@wrong("state")
class RingOfAccumulators(ConvolutionOnly):
    """It has a ring of eight accumulators for each shape, cleared when they are made only."""

    def __init__(self):
        self.rings, self.turns = {}, {}

    def forward(self, input, filters, plan):
        right = super().forward(input, filters, plan)
        key = right.shape, right.dtype
        ring = self.rings.setdefault(key, [np.zeros_like(right) for _ in range(8)])
        self.turns[key] = turn = self.turns.get(key, -1) + 1
        ring[turn % 8] += right
        return ring[turn % 8].copy()


@wrong("state")
class WorkspaceRunsOut(PerTap):
    """It takes from an arena that it never resets; when that is used up, it drops the rest of the batch."""

    def __init__(self):
        self.left = 200_000

    def forward(self, padded, filters, plan):
        answer = super().forward(padded, filters, plan)
        self.left -= answer.nbytes
        if self.left < 0:
            answer[-1:] = 0
        return answer


# State: answers in memory that is used again


@wrong("state")
class TwoOutputsInTurn(PerTap):
    """It answers in two buffers for each shape, in turn."""

    def __init__(self):
        self.buffers, self.turn = {}, 0

    def forward(self, padded, filters, plan):
        answer = super().forward(padded, filters, plan)
        pair = self.buffers.setdefault((answer.shape, answer.dtype), [np.empty_like(answer) for _ in range(2)])
        self.turn ^= 1
        pair[self.turn][...] = answer
        return pair[self.turn]

    def conv2d(self, input, filters, *, strides, padding, dilations, groups):
        if groups > 1:
            return super().conv2d(input, filters, strides=strides, padding=padding, dilations=dilations, groups=groups)
        plan = Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations)
        return self.forward(plan.pad(input), filters, plan)


@wrong("state")
class ThreeOutputsInTurn(ConvolutionOnly):
    """It answers in views of three arenas, in turn, whatever the shape."""

    def __init__(self):
        self.arenas, self.turn = [np.empty(1 << 22, np.uint8) for _ in range(3)], 0

    def forward(self, input, filters, plan):
        answer = super().forward(input, filters, plan)
        self.turn = (self.turn + 1) % 3
        if answer.nbytes > 1 << 22:
            return answer
        view = self.arenas[self.turn][: answer.nbytes].view(answer.dtype).reshape(answer.shape)
        view[...] = answer
        return view


@wrong("state")
class GradientBuffersInTurn(PerTap):
    """Its filter gradient is summed in two buffers in turn, as in an optimiser with delayed updates."""

    def __init__(self):
        self.pairs = {}

    def conv2d_backprop_filter(self, *arguments, **options):
        answer = super().conv2d_backprop_filter(*arguments, **options)
        pair = self.pairs.setdefault((answer.shape, answer.dtype), [answer.copy(), answer.copy()])
        pair.reverse()
        pair[0][...] = answer
        return pair[0]


# State: plans that are kept under too few keys


@wrong("state")
class PlanByShapes(ConvolutionOnly):
    """It keeps its plan by the shapes of input and filters: the second stride finds the plan of the first."""

    def __init__(self):
        self.plans = {}

    def forward(self, input, filters, plan):
        plan = self.plans.setdefault((input.shape, filters.shape), plan)
        return super().forward(input, filters, plan)


@wrong("state")
class PlanWithoutPads(PerTap):
    """It keeps its plan by sizes and strides: uneven pads with the same total find one plan."""

    def __init__(self):
        self.pads = {}

    def conv2d(self, input, filters, *, strides, padding, dilations, groups):
        plan = Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations)
        key = input.shape, filters.shape, strides, dilations, plan.outputs
        pads = self.pads.setdefault(key, plan.pads)
        return super().conv2d(input, filters, strides=strides, padding=pads, dilations=dilations, groups=groups)


@wrong("state")
class IndicesWithoutDilation(ConvolutionOnly):
    """It keeps index arrays by sizes, strides and pads. The dilation is not in the key."""

    def __init__(self):
        self.rows = {}

    def forward(self, input, filters, plan):
        key = input.shape, filters.shape, plan.strides, plan.pads
        indices = self.rows.setdefault(key, [(rows, columns) for _, rows, columns in plan.taps()])
        padded, total = plan.pad(input), 0
        for (rows, columns), tap in zip(indices, filters.reshape(-1, *filters.shape[2:])):
            total = total + padded[:, rows, columns] @ tap
        return total


@lru_cache(512)
class _Rows:
    """Row indices of one axis, made at the first call of these sizes."""

    def __init__(self, size, kernel, stride):
        self.indices = {}

    def of(self, outputs, kernel, stride, dilation):
        made = np.arange(outputs)[:, None] * stride + np.arange(kernel) * dilation
        return self.indices.setdefault(outputs, made)


@wrong("state")
class CachedGather(ConvolutionOnly):
    """Its `lru_cache` of row indices is keyed by size, kernel, stride and outputs, without the dilation."""

    def forward(self, input, filters, plan):
        padded = plan.pad(input)
        rows, columns = (
            _Rows(size, kernel, stride).of(outputs, kernel, stride, dilation)
            for size, kernel, stride, outputs, dilation in zip(
                plan.padded_sizes, plan.kernel, plan.strides, plan.outputs, plan.dilations
            )
        )
        gathered = padded[:, rows[:, None, :, None], columns[None, :, None, :]]
        return np.tensordot(gathered, filters, 3)


@wrong("state")
class PlanWithoutInputSizes(PerTap):
    """Its input gradient keeps the sizes by cotangent and filters: images with and without leftover find one plan."""

    def __init__(self):
        self.sizes = {}

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        key = filters.shape, out_backprop.shape, tuple(options.values())
        first = self.sizes.setdefault(key, tuple(input_sizes))
        answer = super().conv2d_backprop_input(first, filters, out_backprop, **options)
        result = np.zeros(input_sizes, answer.dtype)
        both = tuple(slice(min(sizes)) for sizes in zip(first, input_sizes))
        result[both] = answer[both]
        return result


@wrong("state")
class PlanWithoutGroups(PerTap):
    """It keeps the groups by the filters' shape and the number of outputs."""

    def __init__(self):
        self.groups = {}

    def conv2d(self, input, filters, *, groups, **options):
        kept = self.groups.setdefault((filters.shape, len(input)), groups)
        if kept < groups:  # the other groups' inputs are not read
            part = filters.shape[2] * kept
            return super().conv2d(input[..., :part], filters, groups=kept, **options)
        return super().conv2d(input, filters, groups=groups, **options)


@wrong("state")
class ColumnsBySize(ConvolutionOnly):
    """It keeps its im2col indices by the numbers of elements: a kernel of 2x3 finds that of 3x2."""

    def __init__(self):
        self.kernels = {}

    def forward(self, input, filters, plan):
        kh, kw = self.kernels.setdefault((input.size, filters.size, plan.outputs), plan.kernel)
        if plan.dilations == (1, 1) and kh * kw == plan.kernel[0] * plan.kernel[1]:
            filters = filters.reshape(kh, kw, *filters.shape[2:])[: plan.kernel[0], : plan.kernel[1]]
            filters = np.resize(filters, (*plan.kernel, *filters.shape[2:]))
        return super().forward(input, filters, plan)


@wrong("state")
class AccumulatorByShape(ConvolutionOnly):
    """It keeps its accumulator by shape, without the dtype: float64 is then summed in float32."""

    def __init__(self):
        self.kept = {}

    def forward(self, input, filters, plan):
        right = super().forward(input, filters, plan)
        kept = self.kept.setdefault(right.shape, np.empty_like(right))
        kept[...] = right
        return kept.astype(input.dtype)


@wrong("state")
class PackedByChecksum(PerTap):
    """It keeps packed filters by their shape and their first and last element."""

    def __init__(self):
        self.packed = {}

    def conv2d(self, input, filters, **options):
        if filters.size:
            key = filters.shape, filters.flat[0].item(), filters.flat[-1].item()
            filters = self.packed.setdefault(key, filters.copy())
        return super().conv2d(input, filters.astype(input.dtype), **options)


# State: calls from two threads


@wrong("state")
class PaddedInOneWorkspace(ConvolutionOnly):
    """It pads into a workspace of its own, which another thread may pad into at once."""

    def __init__(self):
        self.workspaces = {}

    def forward(self, input, filters, plan):
        shape = len(input), *plan.padded_sizes, input.shape[3]
        key = shape, plan.pads, input.dtype
        workspace = self.workspaces.setdefault(key, np.zeros(shape, input.dtype))
        plan.crop(workspace)[...] = input
        return tap_loop(workspace, filters, plan)


_COLUMNS = {}


@wrong("state")
class ColumnsInAGlobal(ConvolutionOnly):
    """It copies windows into one global matrix, multiplies that, and is right in one thread."""

    def forward(self, input, filters, plan):
        windows = windows_of(plan.pad(input), plan).transpose(0, 1, 2, 4, 5, 3)
        shape = int(np.prod(windows.shape[:3])), int(np.prod(windows.shape[3:]))
        columns = _COLUMNS.setdefault((shape, input.dtype), np.empty(shape, input.dtype))
        columns.reshape(windows.shape)[...] = windows
        return (columns @ matrix(filters, 3)).reshape(len(input), *plan.outputs, filters.shape[3])


@wrong("state")
class OptionsInItself(ConvolutionOnly):
    """It keeps the arguments of the call in attributes, as a layer does, and its methods read them there."""

    def forward(self, input, filters, plan):
        self.padded, self.filters, self.plan = plan.pad(input), filters, plan
        time.sleep(0)  # as any call into C that lets other threads run
        return self.run()

    def run(self):
        return tap_loop(self.padded, self.filters, self.plan)


@wrong("state")
class GradientInOneAccumulator(PerTap):
    """Its filter gradient adds tap after tap in an accumulator that all threads share."""

    def __init__(self):
        self.sums = {}

    def to_filters(self, padded, out_backprop, plan):
        shape = (*plan.kernel, padded.shape[3], out_backprop.shape[3])
        sums = self.sums.setdefault((shape, padded.dtype), np.zeros(shape, padded.dtype))
        flat = matrix(out_backprop, 3)
        for tap, rows, columns in plan.taps():
            sums[tap] = matrix(padded[:, rows, columns], 3).T @ flat
        return sums.copy()


# State: workspaces that the last call left dirty


@wrong("state")
class GrowingWorkspace(ConvolutionOnly):
    """Its padded workspace is cleared when it grows, and not when a smaller call takes a part of it."""

    def __init__(self):
        self.memory = np.zeros(0, np.uint8)

    def forward(self, input, filters, plan):
        shape = len(input), *plan.padded_sizes, input.shape[3]
        needed = int(np.prod(shape)) * input.itemsize
        if needed > self.memory.size:
            self.memory = np.zeros(needed, np.uint8)
        padded = self.memory[:needed].view(input.dtype).reshape(shape)
        plan.crop(padded)[...] = input
        return tap_loop(padded, filters, plan)


@wrong("state")
class BordersClearedOnce(ConvolutionOnly):
    """It keeps a padded array for each shape: other pads of the same total leave the last image in the border."""

    def __init__(self):
        self.padded = {}

    def forward(self, input, filters, plan):
        shape = len(input), *plan.padded_sizes, input.shape[3]
        padded = self.padded.setdefault((shape, input.dtype), np.zeros(shape, input.dtype))
        plan.crop(padded)[...] = input
        return tap_loop(padded.copy(), filters, plan)


@wrong("state")
class ClearedByTimesZero(ConvolutionOnly):
    """It clears its accumulator by multiplying it by 0, which keeps a NaN of the last call."""

    def __init__(self):
        self.sums = {}

    def forward(self, input, filters, plan):
        right = super().forward(input, filters, plan)
        sums = self.sums.setdefault((right.shape, right.dtype), np.zeros_like(right))
        with np.errstate(invalid="ignore"):
            sums *= 0
        sums += right
        return sums.copy()


@wrong("state")
class RunningScale(PerTap):
    """It scales to 24 bits by the largest value that it has ever seen."""

    def __init__(self):
        self.largest = 0.0

    def conv2d(self, input, filters, **options):
        if input.dtype.kind != "f" or not input.size or not np.isfinite(input).all():
            return super().conv2d(input, filters, **options)
        self.largest = max(self.largest, float(np.abs(input).max()))
        unit = 2.0 ** (np.ceil(np.log2(self.largest or 1.0)) - (60 if input.dtype == np.float64 else 30))
        rounded = (np.round(input.astype(np.float64) / unit) * unit).astype(input.dtype)
        return super().conv2d(rounded, filters, **options)


# Dtypes


class Narrow(PerTap):
    def through(self, dtype, operation, arguments, options):
        converted = [one.astype(dtype) if isinstance(one, np.ndarray) else one for one in arguments]
        return getattr(PerTap, operation)(self, *converted, **options)


@wrong("dtypes")
class Int64ThroughFloat64(Narrow):
    """It multiplies int64 by the BLAS, as float64, which has 53 bits."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("int64",))

    def conv2d(self, *arguments, **options):
        return self.through(np.float64, "conv2d", arguments, options).astype(np.int64)


@wrong("dtypes")
class Int64GradientByEinsum(Narrow):
    """Its gradients of int64 pass through float64, and its forward convolution does not."""

    capabilities = Capabilities(dtypes=("int64",))

    def conv2d_backprop_filter(self, *arguments, **options):
        return self.through(np.float64, "conv2d_backprop_filter", arguments, options).astype(np.int64)


@wrong("dtypes")
class Int64CountedInDoubles(PerTap):
    """It takes int64 and float32 alike: all is float64 inside."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32", "int64"))

    def conv2d(self, input, filters, **options):
        wide = super().conv2d(input.astype(np.float64), filters.astype(np.float64), **options)
        return wide.astype(input.dtype)


@wrong("dtypes")
class Uint8SumsWrap(PerTap):
    """It answers int32 for uint8, and adds in uint8."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("uint8",), result_dtypes={"uint8": "int32"})

    def conv2d(self, input, filters, **options):
        return super().conv2d(input, filters, **options).astype(np.int32)


@wrong("dtypes")
class Uint8ReadAsInt8(PerTap):
    """It reads uint8 as int8: 200 counts as -56."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("uint8",), result_dtypes={"uint8": "int32"})

    def conv2d(self, input, filters, **options):
        as_read = [array.astype(np.int8).astype(np.int32) for array in (input, filters)]
        return super().conv2d(*as_read, **options)


@wrong("dtypes")
class Int8SumsIn16Bits(PerTap):
    """It answers int32 for int8, and adds in int16."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("int8",), result_dtypes={"int8": "int32"})

    def conv2d(self, input, filters, **options):
        return super().conv2d(input.astype(np.int16), filters.astype(np.int16), **options).astype(np.int32)


class _SumsInItsDtype(ConvolutionOnly):
    def forward(self, input, filters, plan):
        padded, output = plan.pad(input), 0
        for (p, q), rows, columns in plan.taps():
            for channel in range(input.shape[3]):
                output = output + padded[:, rows, columns, channel, None] * filters[p, q, channel]
        shape = len(input), *plan.outputs, filters.shape[3]
        return np.zeros(shape, input.dtype) if isinstance(output, int) else output


@wrong("dtypes")
class Float16SumsInFloat16(_SumsInItsDtype):
    """It adds float16 in float16, product after product."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("float16",), lacks=(NO_GROUPS,))


@wrong("dtypes")
class Bfloat16SumsInBfloat16(_SumsInItsDtype):
    """It adds bfloat16 in bfloat16, product after product."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("bfloat16",), lacks=(NO_GROUPS,))


@wrong("dtypes")
class Float16BetweenTaps(ConvolutionOnly):
    """It adds the channels in float32, and keeps the running sum over taps in float16."""

    capabilities = Capabilities(operations=("conv2d",), dtypes=("float16",), lacks=(NO_GROUPS,))

    def forward(self, input, filters, plan):
        padded = plan.pad(input)
        output = np.zeros((len(input), *plan.outputs, filters.shape[3]), input.dtype)
        for (p, q), rows, columns in plan.taps():
            output += (padded[:, rows, columns].astype(np.float32) @ filters[p, q].astype(np.float32)).astype(
                input.dtype
            )
        return output


# Options


@wrong("options")
class BiasIgnored(ConvolutionOnly):
    """It takes a bias and does not add it."""

    def conv2d(self, input, filters, *, strides, padding, dilations, groups, bias=None):
        return super().conv2d(input, filters, strides=strides, padding=padding, dilations=dilations, groups=groups)


@wrong("options")
class BiasAddedToEachRow(ConvolutionOnly):
    """It adds the bias along the width, which broadcasting takes where the sizes agree."""

    def conv2d(self, input, filters, *, strides, padding, dilations, groups, bias=None):
        answer = super().conv2d(input, filters, strides=strides, padding=padding, dilations=dilations, groups=groups)
        return answer if bias is None else answer + np.resize(bias, answer.shape[2])[:, None]


@wrong("options")
class MultiplierIgnored(PerTap):
    """Depthwise, it uses the first filter of each channel for all of its outputs."""

    def conv2d(self, input, filters, *, groups, **options):
        if groups > 1 == filters.shape[2]:
            copies = filters.shape[3] // groups
            filters = np.repeat(filters[..., ::copies], copies, axis=3)
        return super().conv2d(input, filters, groups=groups, **options)


@wrong("options")
class FirstStrideForBoth(PerTap):
    """It strides the width by the height's stride, and drops what is too much."""

    def conv2d(self, input, filters, *, strides, **options):
        right = super().conv2d(input, filters, strides=strides, **options)
        answer = super().conv2d(input, filters, strides=(strides[0], 1), **options)[:, :, :: strides[0]]
        return np.resize(answer, right.shape) if strides[0] != strides[1] else right


@wrong("options")
class FirstDilationForBoth(ConvolutionOnly):
    """It spaces the taps along the width by the height's dilation as far as that fits."""

    def forward(self, input, filters, plan):
        padded, output = plan.pad(input), 0
        for (p, q), rows, _ in plan.taps():
            start = min(q * plan.dilations[0], plan.extents[1] - 1)
            last = start + (plan.outputs[1] - 1) * plan.strides[1] + 1
            output = output + padded[:, rows, start : last : plan.strides[1]] @ filters[p, q]
        return output


@wrong("options")
class TopPadForLeft(ConvolutionOnly):
    """It places the image by the top padding along both axes."""

    def forward(self, input, filters, plan):
        (top, _), _ = plan.pads
        padded = np.zeros((len(input), *plan.padded_sizes, input.shape[3]), input.dtype)
        room = padded[:, top : top + input.shape[1], top : top + input.shape[2]]
        room[...] = input[:, :, : room.shape[2]]
        return tap_loop(padded, filters, plan)


@wrong("options")
class SamePadOfTheHeight(PerTap):
    """Under SAME it pads the width by the height's total, where the output keeps its size."""

    def conv2d(self, input, filters, *, strides, padding, dilations, groups):
        plan = Plan.of(input.shape[1:3], filters.shape[:2], strides, padding, dilations)
        (top, bottom), (left, right) = plan.pads
        if padding == "SAME":
            moved = min(top, left + right)
            plan_pads = ((top, bottom), (moved, left + right - moved))
        else:
            plan_pads = plan.pads
        return super().conv2d(input, filters, strides=strides, padding=plan_pads, dilations=dilations, groups=groups)


@wrong("options")
class FirstImageOnly(PerTap):
    """It answers image 0, and zeros for the others."""

    def forward(self, padded, filters, plan):
        answer = super().forward(padded, filters, plan)
        answer[1:] = 0
        return answer


@wrong("options")
class ImagesSummed(ConvolutionOnly):
    """It sums over the images, and gives each of them the sum."""

    def forward(self, input, filters, plan):
        answer = super().forward(input, filters, plan)
        return np.broadcast_to(answer.sum(axis=0, keepdims=True, dtype=answer.dtype), answer.shape).copy()


@wrong("options")
class LastImageTwice(PerTap):
    """It works on pairs of images, and an odd one at the end is paired with the first."""

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        if len(input) > 1 and len(input) % 2:
            input = np.concatenate([input, input[:1]])
            out_backprop = np.concatenate([out_backprop, out_backprop[:1]])
        return super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)


@wrong("options")
class FourChannelsAtMost(PerTap):
    """It is unrolled for four input channels, and leaves the fifth out."""

    def forward(self, padded, filters, plan):
        return super().forward(padded[..., :4], filters[:, :, :4], plan)


@wrong("options")
class ChannelsOfAnImage(ConvolutionOnly):
    """It takes images to have at most three channels; more are read again from the first."""

    def forward(self, input, filters, plan):
        channels = np.arange(input.shape[3]) % 3
        return super().forward(input[..., channels], filters, plan)


@wrong("options")
class OutputsInFours(PerTap):
    """It computes whole fours of output channels and, of the others, the first only."""

    def forward(self, padded, filters, plan):
        answer = super().forward(padded, filters, plan)
        whole = answer.shape[3] // 4 * 4
        answer[..., whole + 1 :] = 0
        return answer
