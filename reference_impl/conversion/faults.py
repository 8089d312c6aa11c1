"""Faults of converters: each alters a problem as a wrong conversion would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from .problem import Pair, Problem, same_total


@dataclass(frozen=True)
class Fault:
    """A wrong conversion: `does` says in one sentence what is wrong, and `alter` makes it so."""

    name: str
    does: str
    alter: Callable[[Problem], Problem]


class DoesNotApply(ValueError):
    """The fault needs another problem, for example more than one group."""


# Filters


def _filters(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Problem], Problem]:
    return lambda problem: problem.altered(filters=np.ascontiguousarray(change(problem.filters)))


def _channels_exchanged(problem: Problem) -> Problem:
    if problem.groups > 1:
        raise DoesNotApply("groups")
    return problem.altered(filters=np.ascontiguousarray(problem.filters.transpose(0, 1, 3, 2)))


def _memory(stored: str, read: str) -> Callable[[Problem], Problem]:
    def change(filters: np.ndarray) -> np.ndarray:
        sizes = dict(zip("HWIO", filters.shape, strict=True))
        memory = np.ascontiguousarray(filters.transpose(["HWIO".index(letter) for letter in stored]))
        return memory.reshape([sizes[letter] for letter in read]).transpose([read.index(letter) for letter in "HWIO"])

    return _filters(change)


# The orders of axes in memory, of which one may be taken for another: of Keras, torch, torch's transposed layers,
# TFLite, and Keras' transposed layers.
_ORDERS = {
    "HWIO": "Keras'",
    "OIHW": "torch's and ONNX's",
    "IOHW": "torch's for ConvTranspose2d, with its own names of I and O",
    "OHWI": "TFLite's",
    "HWOI": "that of Keras' transposed layers, with their own names of I and O",
}

FILTERS = (
    Fault(
        "filters-kernel-transposed",
        "The filters' height and width are exchanged: the kernel is transposed.",
        _filters(lambda array: array.transpose(1, 0, 2, 3)),
    ),
    Fault("filters-channels-exchanged", "The filters' input and output channels are exchanged.", _channels_exchanged),
    Fault(
        "kernel-rotated",
        "The kernel is rotated by 180 degrees. No framework's layer rotates it, a transposed one neither.",
        _filters(lambda array: array[::-1, ::-1]),
    ),
    Fault("kernel-upside-down", "The kernel's rows are in reverse order.", _filters(lambda array: array[::-1])),
    Fault("kernel-mirrored", "The kernel's columns are in reverse order.", _filters(lambda array: array[:, ::-1])),
    *(
        Fault(
            f"filters-{stored}-read-as-{read}".lower(),
            f"The filters' memory is in the order {stored} ({_ORDERS[stored]}), and is read as {read} "
            f"({_ORDERS[read]}): it was reshaped, where it must be transposed.",
            _memory(stored, read),
        )
        for stored, read in permutations(_ORDERS, 2)
    ),
    Fault(
        "output-channels-reversed",
        "The output channels are in reverse order.",
        lambda problem: (
            problem.altered(filters=problem.filters[..., ::-1, :])
            if problem.is_transposed
            else problem.altered(filters=problem.filters[..., ::-1])
        ),
    ),
    Fault(
        "input-channels-reversed",
        "The input channels are in reverse order, as BGR for RGB.",
        lambda problem: problem.altered(images=problem.images[..., ::-1]),
    ),
)


# Padding. A pad is (before, after), along height and width.


def _each(change: Callable[[Pair], Pair]) -> Callable[[Problem], Problem]:
    return lambda problem: problem.padded(*(change(pad) for pad in problem.pads))


def _same(total_of: Callable[[int, int, int], int], *, odd_before: bool = False) -> Callable[[Problem], Problem]:
    """Pad by the total that `total_of` (size, extent, stride) gives, half on each side."""

    def alter(problem: Problem) -> Problem:
        totals = [total_of(*axis) for axis in zip(problem.sizes, problem.extents, problem.strides, strict=True)]
        pads = [(total // 2, total - total // 2) for total in totals]
        return problem.padded(*(pad[::-1] if odd_before else pad for pad in pads))

    return alter


def _without_dilation(problem: Problem) -> Problem:
    axes = zip(problem.sizes, problem.filters.shape, problem.strides)
    totals = [same_total(size, taps, stride) for size, taps, stride in axes]
    return problem.padded(*((total // 2, total - total // 2) for total in totals))


def _in_order(order: Callable[[int, int, int, int], tuple[Pair, Pair]]) -> Callable[[Problem], Problem]:
    return lambda problem: problem.padded(*order(*problem.pads[0], *problem.pads[1]))


PADDING = (
    Fault(
        "padding-on-the-other-side",
        "The padding before is exchanged with that after: the odd zero is on the wrong side, as SAME_LOWER for "
        "SAME_UPPER.",
        _each(lambda pad: pad[::-1]),
    ),
    Fault("padding-lost", "The padding is lost.", _each(lambda pad: (0, 0))),
    Fault(
        "padding-symmetric",
        "The padding is as large before as after, as torch's is, where the layer's is not: its larger side is used.",
        _each(lambda pad: (max(pad), max(pad))),
    ),
    Fault(
        "padding-symmetric-smaller",
        "The padding is as large before as after, where the layer's is not: its smaller side is used.",
        _each(lambda pad: (min(pad), min(pad))),
    ),
    Fault("padding-all-after", "All of the padding is after.", _each(lambda pad: (0, sum(pad)))),
    Fault("padding-all-before", "All of the padding is before.", _each(lambda pad: (sum(pad), 0))),
    Fault(
        "padding-axes-exchanged",
        "The padding of height and width is exchanged, as in the order of torch.nn.functional.pad.",
        lambda problem: problem.padded(*problem.pads[::-1]),
    ),
    Fault(
        "padding-in-the-order-of-tensorflow",
        "The padding is written in the order top, bottom, left, right, where ONNX takes top, left, bottom, right.",
        _in_order(lambda top, bottom, left, right: ((top, left), (bottom, right))),
    ),
    Fault(
        "padding-of-stride-1",
        "SAME is padded as with stride 1, the kernel's extent less one in all; with a stride it needs fewer zeros.",
        _same(lambda size, extent, stride: extent - 1),
    ),
    Fault(
        "padding-of-stride-1-lower",
        "SAME is padded as with stride 1, and the odd zero is before.",
        _same(lambda size, extent, stride: extent - 1, odd_before=True),
    ),
    Fault("padding-without-dilation", "SAME is padded as without the dilation.", _without_dilation),
    Fault("same-for-valid", "The padding is that of SAME; the layer's is another.", _same(same_total)),
    Fault(
        "same-lower-for-valid",
        "The padding is that of SAME_LOWER; the layer's is another.",
        _same(same_total, odd_before=True),
    ),
    Fault(
        "padding-half-the-kernel",
        "The padding is half of the kernel's extent less one, rounded down, on both sides.",
        lambda problem: problem.padded(*(((extent - 1) // 2, (extent - 1) // 2) for extent in problem.extents)),
    ),
)


# Strides, dilations, groups

_ONE = (1, 1)

OPTIONS = (
    Fault("strides-lost", "The strides are lost, and are 1.", lambda problem: problem.altered(strides=_ONE)),
    Fault(
        "strides-exchanged",
        "The strides of height and width are exchanged.",
        lambda problem: problem.altered(strides=problem.strides[::-1]),
    ),
    *(
        Fault(
            f"stride-of-{axis}-for-both",
            f"The stride of the {axis} is used for both axes.",
            lambda problem, at=at: problem.altered(strides=(problem.strides[at],) * 2),  # type: ignore[misc]
        )
        for at, axis in enumerate(("height", "width"))
    ),
    Fault("dilations-lost", "The dilations are lost, and are 1.", lambda problem: problem.altered(dilations=_ONE)),
    Fault(
        "dilations-exchanged",
        "The dilations of height and width are exchanged.",
        lambda problem: problem.altered(dilations=problem.dilations[::-1]),
    ),
    Fault(
        "dilations-from-0",
        "The dilations are one too small, as if they were counted from 0.",
        lambda problem: problem.altered(dilations=tuple(max(step - 1, 1) for step in problem.dilations)),
    ),
    Fault(
        "strides-and-dilations-exchanged",
        "The strides are taken for dilations, and the dilations for strides.",
        lambda problem: problem.altered(strides=problem.dilations, dilations=problem.strides),
    ),
    Fault(
        "output-padding-lost",
        "The output_padding is lost: the last rows or columns are missing.",
        lambda problem: problem.altered(longer=(0, 0)),
    ),
    Fault(
        "output-padding-exchanged",
        "The output_padding of height and width is exchanged.",
        lambda problem: problem.altered(longer=problem.longer[::-1]),
    ),
)


def _grouped(problem: Problem) -> None:
    if problem.groups == 1:
        raise DoesNotApply("groups")


def _groups_lost(problem: Problem) -> Problem:
    _grouped(problem)
    return problem.altered(groups=1, filters=np.tile(problem.filters, (1, 1, problem.groups, 1)))


def _groups_interleaved(problem: Problem) -> Problem:
    _grouped(problem)
    channels = problem.images.shape[-1]
    order = np.arange(channels).reshape(-1, problem.groups).T.ravel()
    return problem.altered(images=problem.images[..., order])


def _copies_first(problem: Problem) -> Problem:
    _grouped(problem)
    order = np.arange(problem.filters.shape[3]).reshape(problem.groups, -1).T.ravel()
    return problem.altered(filters=problem.filters[..., order])


GROUPS = (
    Fault("groups-lost", "The groups are lost: each output channel reads all input channels.", _groups_lost),
    Fault(
        "groups-interleaved",
        "The groups are interleaved: input channel c is read by group c mod groups.",
        _groups_interleaved,
    ),
    Fault(
        "groups-copies-first",
        "The filters are ordered copy by copy, where they must be ordered channel by channel: output channel "
        "= channel * copies + copy.",
        _copies_first,
    ),
)


# Layouts of the images


def _images(stored: str, read: str) -> Callable[[Problem], Problem]:
    """Take the memory of NHWC images in one order for memory in another; the sizes stay those of the layer."""

    def alter(problem: Problem) -> Problem:
        sizes = dict(zip("NHWC", problem.images.shape, strict=True))
        memory = np.ascontiguousarray(problem.images.transpose(["NHWC".index(letter) for letter in stored]))
        shaped = memory.reshape([sizes[letter] for letter in read])
        return problem.altered(images=shaped.transpose([read.index(letter) for letter in "NHWC"]))

    return alter


def _height_and_width(problem: Problem) -> Problem:
    return problem.altered(images=problem.images.transpose(0, 2, 1, 3))


LAYOUTS = (
    Fault("images-nhwc-read-as-nchw", "The images are NHWC in memory, and are read as NCHW.", _images("NHWC", "NCHW")),
    Fault("images-nchw-read-as-nhwc", "The images are NCHW in memory, and are read as NHWC.", _images("NCHW", "NHWC")),
    Fault("images-transposed", "The height and the width of the images are exchanged.", _height_and_width),
)

FAULTS = (*FILTERS, *PADDING, *OPTIONS, *GROUPS, *LAYOUTS)


def altered(problem: Problem) -> Iterator[tuple[Fault, Problem]]:
    """Yield each fault that changes this problem, and the problem that it makes."""
    for fault in FAULTS:
        try:
            changed = fault.alter(problem)
        except ValueError:
            continue
        yield fault, changed
