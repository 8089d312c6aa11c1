"""Mistakes in behaviour: writing to others' memory, answers of the wrong kind, and cases that nobody tried."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from . import right
from .altered_call import AlteredCall
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Answerer, Family

FAMILY = Family("behaviour")
mistake, behaviour = FAMILY.mistake, FAMILY.behaviour


def _right(q: AlteredCall) -> np.ndarray:
    return q.cast(q.answer())


@behaviour("It writes to its arguments.", right.OWN_MEMORY)
def writes_to_its_arguments() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        if q.given[0].flags.writeable:
            q.given[0][...] = 0
        return found

    return answer


@behaviour(
    "It writes the answer into its input's memory where that is large enough.",
    right.OWN_MEMORY,
    links=("https://github.com/hw-native-sys/simpler/pull/56",),
)
def answers_in_its_input() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        memory = q.given[0].reshape(-1)
        if memory.size < found.size or not memory.flags.writeable:
            return found
        view = memory[: found.size].reshape(found.shape)
        view[...] = found
        return view

    return answer


@behaviour(
    "Where the kernel is 1x1 and the shapes agree, it returns its input unchanged, a view of the caller's memory.",
    "TensorFlow and this oracle multiply by the kernel, and answer in memory of their own.",
    FORWARD,
)
def returns_its_input() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        same = q.shape("filters")[:2] == (1, 1) and q.shape("input") == q.shape("output")
        return q.given[0][...] if same else _right(q)

    return answer


@mistake(
    "It answers zeros, whatever it is asked; a loose tolerance accepts them where the right answer is small.",
    right.COMPUTED_ANEW,
    links=("https://github.com/ScalingIntelligence/KernelBench/issues/165",),
)
def answers_zeros(q: AlteredCall) -> np.ndarray:
    return np.zeros(q.shape(q.asked))


@behaviour("It answers in float64.", right.ANSWER_DTYPE)
def answers_in_float64() -> Answerer:
    return lambda q: _right(q).astype(np.float64)


@behaviour("It answers in float32, whatever it is given.", right.ANSWER_DTYPE)
def answers_in_float32() -> Answerer:
    return lambda q: _right(q).astype(np.float32)


@behaviour("The answer has the right elements in the right order, but the shape of NCHW.", right.NHWC)
def right_count_wrong_shape() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        return found.reshape([found.shape[axis] for axis in (0, 3, 1, 2)])

    return answer


@behaviour("Axes of size 1 are squeezed out of the answer.", right.ARRAY)
def axes_of_size_1_squeezed() -> Answerer:
    return lambda q: np.squeeze(_right(q))


@behaviour("It answers nested lists.", right.ARRAY)
def answers_lists() -> Answerer:
    return lambda q: _right(q).tolist()


@behaviour(
    "Every second call loses one update, as in a race between threads.",
    "TensorFlow on a CPU and this oracle give the same answer each time.",
)
def differs_from_call_to_call() -> Answerer:
    calls = itertools.count()

    def answer(q: AlteredCall) -> np.ndarray:
        return q.cast(q.without("output", ..., slice(-1, None)) if next(calls) % 2 else q.answer())

    return answer


@behaviour("It remembers its answers by shape, and gives an old one.", right.COMPUTED_ANEW)
def remembers_its_answers() -> Answerer:
    seen: dict[Any, np.ndarray] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        key = q.operation, q.slides, q.groups, q.shape("input"), q.shape("filters"), q.dtype
        return seen.setdefault(key, _right(q)).copy()

    return answer


@behaviour(
    "It keeps the first filters of a shape, prepared once, and ignores the later ones.",
    right.COMPUTED_ANEW,
    FORWARD + INPUT_GRADIENTS,
)
def remembers_its_filters() -> Answerer:
    seen: dict[Any, np.ndarray] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        key = q.operation, q.shape("filters"), q.groups, q.dtype
        return q.cast(q.through("filters", lambda filters: seen.setdefault(key, filters)))

    return answer


@mistake(
    "Every image of a batch counts as a copy of the first.",
    "TensorFlow and this oracle answer each image by itself.",
    links=("https://github.com/cbovar/ConvNetSharp/issues/128", "https://github.com/Pegessi/conv2d_direct/issues/1"),
)
def right_only_at_batch_1(q: AlteredCall) -> np.ndarray:
    return q.through("input", lambda array: np.repeat(array[:1], q.batch, 0) if q.batch else array)


@mistake(
    "Images after the 32nd are left out, as by a block of threads with one for each image.",
    right.ANY_SIZE,
    links=("https://github.com/NervanaSystems/neon/issues/361", "https://github.com/tensorflow/tensorflow/issues/9870"),
)
def right_only_for_32_images(q: AlteredCall) -> np.ndarray:
    return q.without("input", slice(32, None))


@mistake(
    "Images that are not square are read with the height in place of the width.",
    right.ANY_SIZE,
    FORWARD + FILTER_GRADIENT,
    ("https://github.com/Maratyszcza/NNPACK/issues/15",),
)
def right_only_for_square_images(q: AlteredCall) -> np.ndarray:
    _, height, width, channels = q.shape("input")
    if height == width:
        return q.answer()
    # The element at (h, w) is read at h * height + w; beyond the image's last element, counting starts again.
    places = (np.arange(height)[:, None] * height + np.arange(width)) % max(height * width, 1)
    return q.through("input", lambda array: array.reshape(q.batch, height * width, channels)[:, places])


@mistake("Columns of the image are checked against its height, and those beyond it count as zeros.", right.ANY_SIZE)
def image_columns_checked_against_the_height(q: AlteredCall) -> np.ndarray:
    return q.without("input", slice(None), slice(None), slice(q.shape("input")[1], None))


@mistake("Columns of the output are checked against its height, and those beyond it are left out.", right.ANY_SIZE)
def output_columns_checked_against_the_height(q: AlteredCall) -> np.ndarray:
    return q.without("output", slice(None), slice(None), slice(q.shape("output")[1], None))


@mistake(
    "Kernels that are not square are read with height and width exchanged.",
    right.ANY_SIZE,
    links=("https://github.com/Maratyszcza/NNPACK/issues/15",),
)
def right_only_for_square_kernels(q: AlteredCall) -> np.ndarray:
    kh, kw, *channels = q.shape("filters")

    def read(array: np.ndarray) -> np.ndarray:
        return array.reshape(kw, kh, *channels).swapaxes(0, 1)

    def write(array: np.ndarray) -> np.ndarray:
        return array.swapaxes(0, 1).reshape(kh, kw, *channels)

    return q.through("filters", read, write) if kh != kw else q.answer()


@mistake(
    "Input channels after the last whole eight are left out; if there are fewer than 8, all of them are.",
    right.ANY_SIZE,
)
def right_only_for_channels_in_eights(q: AlteredCall) -> np.ndarray:
    return q.without("input", ..., slice(q.input_channels // 8 * 8, None))


@mistake("Strides of 3 and more count as 2.", right.ANY_SIZE)
def right_only_for_stride_below_3(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: min(axis.stride, 2))


@mistake("Taps after the fifth of an axis are left out.", right.ANY_SIZE)
def right_only_for_kernels_up_to_5(q: AlteredCall) -> np.ndarray:
    def cut(array: np.ndarray) -> np.ndarray:
        kept = np.zeros_like(array)
        kept[:5, :5] = array[:5, :5]
        return kept

    return q.through("filters", cut)


@mistake(
    "Elements of the input are numbered in 16 bits, so from number 65536 on the first ones are read again.",
    right.ANY_SIZE,
    FORWARD + FILTER_GRADIENT,
)
def right_only_below_65536_elements(q: AlteredCall) -> np.ndarray:
    return q.through("input", lambda array: np.resize(array.ravel()[:65536], array.shape))


@behaviour(
    "Where the kernel is larger than the image, or there is no image, the output has the input's shape and holds "
    "anything.",
    "TensorFlow without oneDNN and this oracle give the output its own shape.",
    FORWARD,
)
def input_shape_for_large_kernels() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        larger = any(axis.extent > axis.input for axis in q.slides)
        return np.ones(q.shape("input"), q.dtype) if larger or not q.batch else _right(q)

    return answer


@behaviour(
    "It reads memory in order, as if every array were contiguous.",
    right.MEMORY_STRIDES,
    links=("https://github.com/pytorch/pytorch/issues/77299", "https://github.com/pytorch/pytorch/issues/1246"),
)
def right_only_for_contiguous_arrays() -> Answerer:
    return lambda q: _reread(q, lambda array: array.ravel("K").reshape(array.shape))


@behaviour("It takes negative strides in memory for positive ones.", right.MEMORY_STRIDES)
def right_only_for_positive_strides() -> Answerer:
    def forwards(array: np.ndarray) -> np.ndarray:
        return array[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in array.strides)]

    return lambda q: _reread(q, forwards)


@behaviour("It refuses read-only arrays.", right.OWN_MEMORY)
def needs_writable_arrays() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        if not all(array.flags.writeable for array in q.given):
            raise ValueError("buffer source array is read-only")
        return _right(q)

    return answer


def _reread(q: AlteredCall, read: Any) -> np.ndarray:
    """Return the answer to the caller's arrays as `read` sees them."""
    wide = (read(array).astype(q.arrays[role].dtype) for role, array in zip(q.arrays, q.given, strict=True))
    return q.cast(q.with_arrays(**dict(zip(q.arrays, wide, strict=True))).answer())
