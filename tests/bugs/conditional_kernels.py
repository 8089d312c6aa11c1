"""Kernels that are wrong under a conjunction of conditions, as predicates of a call; and calls to judge them on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from reference_impl.bugs import Ask, JudgedCall
from reference_impl.cases import catalogue
from reference_impl.cases.generation import generate
from reference_impl.operations import OPERATIONS

ROUTES = ("", "autograd", "compiled")
ENVIRONMENTS = ("avx2", "avx512", "sse41")
INPUT_GRADIENTS = ("conv2d_backprop_input", "conv2d_transpose")

Fails = Callable[[JudgedCall], bool]


def leftover(case):
    return [axis.leftover for axis in case.convolution.axes]


WRONG: dict[str, Fails] = {
    "a large dilated kernel with many groups on avx": lambda call: (
        call.case.kernel_size[0] >= 4
        and max(call.case.dilations) > 1
        and call.case.groups > 2
        and call.environment.startswith("avx")
    ),
    "a stride above the kernel, odd channels and a batch": lambda call: (
        call.case.strides[0] > call.case.kernel_size[0] and call.case.input_channels % 2 == 1 and call.case.batch > 1
    ),
    "SAME in float16, output channels in fours": lambda call: (
        call.case.padding == "SAME" and call.case.output_channels % 4 == 0 and call.case.dtype == "float16"
    ),
    "explicit padding in an input gradient of wide images": lambda call: (
        call.operation in INPUT_GRADIENTS and call.case.padding_mode == "EXPLICIT" and call.case.width >= 8
    ),
    "a filter gradient with a batch, strided, by a route": lambda call: (
        call.operation == "conv2d_backprop_filter"
        and call.case.batch > 1
        and call.case.strides[1] > 1
        and call.route == "autograd"
    ),
    "a depthwise multiplier in SAME, strided": lambda call: (
        1 < call.case.groups == call.case.input_channels < call.case.output_channels
        and call.case.padding == "SAME"
        and max(call.case.strides) > 1
    ),
    "an even kernel in SAME_LOWER, dilated, high images": lambda call: (
        call.case.kernel_size[0] % 2 == 0
        and call.case.padding == "SAME_LOWER"
        and call.case.dilations[0] > 1
        and call.case.height > 4
    ),
    "strided 1 x 1 kernels with many outputs in float32": lambda call: (
        call.case.kernel_size == (1, 1)
        and max(call.case.strides) > 1
        and call.case.output_channels >= 6
        and call.case.dtype == "float32"
    ),
    "leftover columns in an input gradient of one image, no groups": lambda call: (
        leftover(call.case)[1] > 0
        and call.operation in INPUT_GRADIENTS
        and call.case.groups == 1
        and call.case.batch == 1
    ),
    "FULL, dilated, three columns or more, channels per group": lambda call: (
        call.case.padding == "FULL"
        and call.case.dilations[1] > 1
        and call.case.kernel_size[1] >= 3
        and call.case.input_channels // call.case.groups >= 2
    ),
    "a line image, a kernel of two rows or more, float16": lambda call: (
        call.case.height == 1 and call.case.kernel_size[0] > 1 and call.case.dtype == "float16"
    ),
    "unequal strides, dilated, in all but conv2d": lambda call: (
        call.case.strides[0] != call.case.strides[1]
        and call.case.dilations != (1, 1)
        and call.operation != "conv2d"
        and call.case.batch > 1
    ),
    "no padding, kernel other than 3 x 3, more than three channels, compiled": lambda call: (
        call.case.padding == "VALID"
        and call.case.kernel_size != (3, 3)
        and call.case.input_channels > 3
        and call.route == "compiled"
    ),
    "strided and dilated along one axis in the oldest environment": lambda call: (
        any(s > 1 and d > 1 for s, d in zip(call.case.strides, call.case.dilations, strict=True))
        and call.environment == "sse41"
        and call.case.groups == 1
    ),
    "the kernel as large as the input, a batch of three, not conv2d": lambda call: (
        any(axis.kernel_size == axis.input_size for axis in call.case.convolution.axes)
        and call.case.batch >= 3
        and call.operation != "conv2d"
    ),
    "grouped, two channels or more per group, SAME or SAME_LOWER": lambda call: (
        call.case.groups > 1
        and call.case.input_channels // call.case.groups >= 2
        and call.case.padding in ("SAME", "SAME_LOWER")
        and call.environment == "avx512"
    ),
    "one output position, more than one channel, padded": lambda call: (
        call.case.output_shape[1:3] == (1, 1)
        and call.case.input_channels > 1
        and any(map(any, call.case.convolution.padding))
    ),
    "uneven padding above, stride 1, more outputs than inputs": lambda call: (
        call.case.convolution.height.pad_before != call.case.convolution.height.pad_after
        and call.case.strides == (1, 1)
        and call.case.output_channels > 2
    ),
    "wide images, kernel wider than two, output channels even, a route and a dtype": lambda call: (
        call.case.width >= 6
        and call.case.kernel_size[1] > 2
        and call.case.output_channels % 2 == 0
        and call.route == "autograd"
        and call.case.dtype == "float32"
    ),
    "input channels in fours, stride 1 down, filter gradient": lambda call: (
        call.case.input_channels % 4 == 0 and call.case.strides[0] == 1 and call.operation == "conv2d_backprop_filter"
    ),
    "square kernels of two or more, dilated across, no groups, a batch": lambda call: (
        call.case.kernel_size[0] == call.case.kernel_size[1] > 1
        and call.case.dilations[1] > 1
        and call.case.groups == 1
        and call.case.batch > 1
    ),
    "depthwise, three rows or more of output, avx2, conv2d": lambda call: (
        1 < call.case.groups == call.case.input_channels
        and call.case.output_shape[1] >= 3
        and call.environment == "avx2"
        and call.operation == "conv2d"
    ),
}


@cache
def calls(count: int = 1500, seed: int = 1) -> tuple[JudgedCall, ...]:
    """Return generated calls, and those of the curated catalogue, each by some operation, route and environment."""
    source = random.Random(seed)
    cases = [*generate(count, seed, dtypes=("float32", "float16")), *(catalogue.load("curated") if seed == 1 else ())]
    return tuple(
        JudgedCall(
            "planted",
            source.choice(OPERATIONS),
            case,
            route=source.choice(ROUTES),
            environment=source.choice(ENVIRONMENTS),
        )
        for case in cases
    )


def fresh_calls() -> tuple[JudgedCall, ...]:
    return calls(1000, 77)


def judge(*fails: Fails, kind: str = "wrong values", share: float = 1.0) -> Ask:
    """Return a function that judges a call: it fails with this kind where any predicate holds, or in a `share`."""
    source = random.Random(0)

    def judged(call: JudgedCall) -> JudgedCall:
        failed = any(one(call) for one in fails) and (share == 1.0 or source.random() < share)
        return replace(call, outcome=kind if failed else "passed")

    return judged


def judged_by(judged: Ask, given: Iterable[JudgedCall] | None = None) -> list[JudgedCall]:
    return [judged(call) for call in (calls() if given is None else given)]
