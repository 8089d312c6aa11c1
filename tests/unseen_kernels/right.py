"""Right kernels in the styles of the wrong ones: what is wrong there is done with care here. None may be accused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from unseen_kernels.wrong import NO_GROUPS, ConvolutionOnly, from_pointer, tap_loop, windows_of

from examples.kernels.im2col import Im2col
from examples.kernels.kernel import Plan, matrix
from examples.kernels.per_tap import PerTap
from reference_impl.conformance import Capabilities


class EinsumOnWindows(ConvolutionOnly):
    def forward(self, input, filters, plan):
        windows = windows_of(plan.pad(input), plan)
        return np.einsum("nhwipq,pqio->nhwo", windows, filters, dtype=windows.dtype)


class Tensordot(ConvolutionOnly):
    def forward(self, input, filters, plan):
        return np.tensordot(windows_of(plan.pad(input), plan).transpose(0, 1, 2, 4, 5, 3), filters, 3)


class FromPointers(ConvolutionOnly):
    """It makes arrays contiguous before it takes their pointers."""

    def forward(self, input, filters, plan):
        both = [np.ascontiguousarray(array) for array in (input, filters)]
        images, taps = (from_pointer(one).reshape(one.shape) if one.size else one for one in both)
        return tap_loop(plan.pad(images), taps, plan)


class WorkspaceOfEachThread(ConvolutionOnly):
    """It pads into a workspace of the thread, and clears it at each call."""

    def __init__(self):
        self.local = threading.local()

    def forward(self, input, filters, plan):
        shape = len(input), *plan.padded_sizes, input.shape[3]
        needed = int(np.prod(shape)) * input.itemsize
        if needed > getattr(self.local, "memory", np.empty(0)).nbytes:
            self.local.memory = np.empty(needed, np.uint8)
        padded = self.local.memory[:needed].view(input.dtype).reshape(shape)
        padded[...] = 0
        plan.crop(padded)[...] = input
        return tap_loop(padded, filters, plan)


class WorkspaceBehindALock(PerTap):
    """Its filter gradient has one accumulator, and one thread at a time."""

    def __init__(self):
        self.sums, self.lock = {}, threading.Lock()

    def to_filters(self, padded, out_backprop, plan):
        shape = (*plan.kernel, padded.shape[3], out_backprop.shape[3])
        flat = matrix(out_backprop, 3)
        with self.lock:
            sums = self.sums.setdefault((shape, padded.dtype), np.empty(shape, padded.dtype))
            sums[...] = 0
            for tap, rows, columns in plan.taps():
                sums[tap] += matrix(padded[:, rows, columns], 3).T @ flat
            return sums.copy()


@lru_cache(512)
def _indices(outputs, kernel, stride, dilation):
    return np.arange(outputs)[:, None] * stride + np.arange(kernel) * dilation


class CachedIndices(ConvolutionOnly):
    """It keeps index arrays by all that they depend on."""

    def forward(self, input, filters, plan):
        rows, columns = map(_indices, plan.outputs, plan.kernel, plan.strides, plan.dilations)
        gathered = plan.pad(input)[:, rows[:, None, :, None], columns[None, :, None, :]]
        return np.tensordot(gathered, filters, 3)


class PackedByContent(PerTap):
    """It keeps packed filters by their bytes."""

    def __init__(self):
        self.packed = {}

    def conv2d(self, input, filters, **options):
        key = filters.shape, filters.dtype.str, filters.tobytes()
        return super().conv2d(input, self.packed.setdefault(key, filters.copy()), **options)


class ImagesInThreads(ConvolutionOnly):
    """It gives each thread a part of the images; they write to parts of one answer."""

    def forward(self, input, filters, plan):
        padded = plan.pad(input)
        answer = np.zeros((len(input), *plan.outputs, filters.shape[3]), input.dtype)

        def one(part):
            answer[part] = tap_loop(padded[part], filters, plan)

        half = len(input) // 2
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, (slice(half), slice(half, None))))
        return answer


class TransposedAnswer(PerTap):
    """It works in NCHW, and answers a view with other strides."""

    def forward(self, padded, filters, plan):
        answer = super().forward(padded, filters, plan)
        return answer.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1)


class WideAccumulator(Im2col):
    """It takes all dtypes, and sums halves in float32."""

    capabilities = Capabilities(dtypes=("float16", "bfloat16", "float32", "float64", "int32", "int64"))

    def product(self, a, b):
        wide = np.float32 if a.dtype.itemsize == 2 else a.dtype
        return (a.astype(wide) @ b.astype(wide)).astype(a.dtype)

    def to_input(self, filters, out_backprop, plan):
        wide = np.float32 if filters.dtype.itemsize == 2 else filters.dtype
        return super().to_input(filters.astype(wide), out_backprop.astype(wide), plan).astype(filters.dtype)


class WideResult(PerTap):
    """It answers int32 for bytes, and adds in int32."""

    capabilities = Capabilities(
        operations=("conv2d",), dtypes=("uint8", "int8"), result_dtypes={"uint8": "int32", "int8": "int32"}
    )

    def conv2d(self, input, filters, **options):
        return super().conv2d(input.astype(np.int32), filters.astype(np.int32), **options)


class WithBias(ConvolutionOnly):
    """It adds its bias to each output channel."""

    def conv2d(self, input, filters, *, strides, padding, dilations, groups, bias=None):
        answer = super().conv2d(input, filters, strides=strides, padding=padding, dilations=dilations, groups=groups)
        return answer if bias is None else answer + bias


class ScatterOfInputs(ConvolutionOnly):
    """It adds each input to the outputs that read it, row by row of the padded image."""

    capabilities = Capabilities(operations=("conv2d",), lacks=(NO_GROUPS,))

    def forward(self, input, filters, plan):
        (sh, _), (dh, _), (rows, columns) = plan.strides, plan.dilations, plan.outputs
        padded = plan.pad(input)
        output = np.zeros((len(input), rows, columns, filters.shape[3]), input.dtype)
        lines = Plan.of((1, padded.shape[2]), (1, filters.shape[1]), plan.strides, "VALID", (1, plan.dilations[1]))
        for h in range(rows):
            for p in range(filters.shape[0]):
                row = padded[:, h * sh + p * dh, None]
                output[:, h, None] += tap_loop(row, filters[p : p + 1], lines)
        return output


RIGHT = (
    EinsumOnWindows,
    Tensordot,
    FromPointers,
    WorkspaceOfEachThread,
    WorkspaceBehindALock,
    CachedIndices,
    PackedByContent,
    ImagesInThreads,
    TransposedAnswer,
    WideAccumulator,
    WideResult,
    WithBias,
    ScatterOfInputs,
)
