"""A part of a problem that is a smaller problem: one image, some channels, or one group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..verdicts.call import Call
from .problem import Problem

Place = tuple[Any, ...]


def part(problem: Problem, index: tuple[int, ...], most: int) -> tuple[Problem, Place]:
    """Return a problem of about `most` products whose answer is a part of that of `problem`, and the place of it.

    `index` is an element of the answer, which the part holds. The other elements are those of the same image, of as
    many channels of its group as there is room for. In the gradient of the filters they are of some pairs of channels.
    """
    call, case = problem.call, problem.call.case
    group = (
        index[-1] // (case.output_channels // case.groups)
        if problem.operation in ("conv2d", "conv2d_backprop_filter")
        else index[-1] // (case.input_channels // case.groups)
    )
    inputs = _channels(group, case.input_channels // case.groups)
    outputs = _channels(group, case.output_channels // case.groups)
    weights = slice(0, case.filter_sizes[2])  # within a group
    image = slice(0, case.batch)
    if problem.operation != "conv2d_backprop_filter":
        image = slice(index[0], index[0] + 1)
    products = case.multiply_adds // max(case.batch * case.groups, 1) * (image.stop - image.start)
    room = most / max(products, 1)
    if problem.operation == "conv2d":
        outputs = _around(index[-1], outputs, room)
    elif problem.operation == "conv2d_backprop_filter":
        outputs = _around(index[-1], outputs, room**0.5)
        weights = _around(index[2], weights, room**0.5)
        inputs = slice(inputs.start + weights.start, inputs.start + weights.stop)
    else:
        kept = _around(index[-1], inputs, room)
        weights, inputs = slice(kept.start - inputs.start, kept.stop - inputs.start), kept
    views = {"filters": (slice(None), slice(None), weights, outputs)}
    is_transpose = problem.operation == "conv2d_transpose"
    views["input"] = (image, slice(None), slice(None), outputs if is_transpose else inputs)
    views["out_backprop"] = (image, slice(None), slice(None), outputs)
    small = replace(
        case,
        batch=image.stop - image.start,
        input_channels=inputs.stop - inputs.start,
        output_channels=outputs.stop - outputs.start,
        groups=1,
    )
    arrays = {name: array[views[name]] for name, array in call.arrays.items()}
    if problem.operation == "conv2d_backprop_filter":
        place: Place = (slice(None), slice(None), weights, outputs)
    else:
        place = (image, slice(None), slice(None), outputs if problem.operation == "conv2d" else inputs)
    bias = None if problem.bias is None else problem.bias[place[-1]]
    return replace(problem, call=Call(call.operation, small, arrays), bias=bias), place


def _channels(group: int, count: int) -> slice:
    return slice(group * count, (group + 1) * count)


def _around(channel: int, channels: slice, room: float) -> slice:
    """Return some of `channels`, the given one among them: the part `room` of them, and at least one."""
    count = channels.stop - channels.start
    kept = max(min(int(count * room), count), 1)
    start = int(np.clip(channel - kept // 2, channels.start, channels.stop - kept))
    return slice(start, start + kept)
