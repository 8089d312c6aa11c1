"""Declare the limits of a kernel in words: `limits(kernel="square", stride="one", groups="depthwise", batch=65535)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...cases.case import Case
from ..protocol import Lack
from .own_shape import pads_of

Says = Callable[[Case], bool]


def _pads(case: Case) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = pads_of(case)
    return top, bottom, left, right


def _is_depthwise(case: Case) -> bool:
    return case.groups == case.input_channels


# Each word, with the reason that reports show, and a function that is True for the cases that a kernel takes.
_WORDS: dict[str, dict[str, tuple[str, Says]]] = {
    "kernel": {
        "square": ("takes square kernels only", lambda case: case.kernel_size[0] == case.kernel_size[1]),
        "odd": ("takes kernels of odd sizes only", lambda case: all(size % 2 for size in case.kernel_size)),
    },
    "image": {"square": ("takes square images only", lambda case: case.height == case.width)},
    "stride": {
        "one": ("takes stride 1 only", lambda case: case.strides == (1, 1)),
        "equal": ("takes one stride for both axes", lambda case: case.strides[0] == case.strides[1]),
    },
    "dilation": {
        "one": ("takes dilation 1 only", lambda case: case.dilations == (1, 1)),
        "equal": ("takes one dilation for both axes", lambda case: case.dilations[0] == case.dilations[1]),
    },
    "padding": {
        "none": ("takes no padding", lambda case: not any(_pads(case))),
        "equal": ("takes one padding for all four sides", lambda case: len(set(_pads(case))) == 1),
        "symmetric": (
            "takes the same padding before and after",
            lambda case: _pads(case)[0::2] == _pads(case)[1::2],
        ),
    },
    "groups": {
        "one": ("takes no groups", lambda case: case.groups == 1),
        "depthwise": ("is depthwise only", _is_depthwise),
        "one or depthwise": ("takes groups only if depthwise", lambda case: case.groups == 1 or _is_depthwise(case)),
    },
    "channels": {
        "equal": (
            "takes as many output as input channels only",
            lambda case: case.input_channels == case.output_channels,
        ),
    },
    "batch": {"one": ("takes one image only", lambda case: case.batch == 1)},
}
# The sizes of a case that a number bounds, and the word for them in a reason.
_SIZES: dict[str, tuple[str, Callable[[Case], int]]] = {
    "kernel": ("kernels of at most {} on each side", lambda case: max(case.kernel_size)),
    "image": ("images of at most {} on each side", lambda case: max(case.height, case.width)),
    "stride": ("strides up to {}", lambda case: max(case.strides)),
    "dilation": ("dilations up to {}", lambda case: max(case.dilations)),
    "padding": ("padding of at most {}", lambda case: max(_pads(case))),
    "groups": ("at most {} groups", lambda case: case.groups),
    "channels": ("at most {} channels", lambda case: max(case.input_channels, case.output_channels)),
    "batch": ("at most {} images", lambda case: case.batch),
}


def limits(
    *,
    kernel: str | int | None = None,
    image: str | int | None = None,
    stride: str | int | None = None,
    padding: str | int | None = None,
    dilation: str | int | None = None,
    groups: str | int | None = None,
    channels: str | int | None = None,
    batch: str | int | None = None,
) -> tuple[Lack, ...]:
    """Return the lacks of a kernel with these limits, for `Capabilities(lacks=limits(...))`.

    Each limit is a word of its list, or the largest number that the kernel takes.

    - kernel: "square", "odd"
    - image: "square"
    - stride: "one", "equal" (one for both axes)
    - padding: "none", "equal" (one for all four sides), "symmetric" (the same before and after)
    - dilation: "one", "equal" (one for both axes)
    - groups: "one", "depthwise" (as many as input channels), "one or depthwise"
    - channels: "equal" (as many output as input channels)
    - batch: "one"

    Raises
    ------
    ValueError, TypeError
        If a word is unknown, a number is below 1 (0 for padding), or a limit is neither.

    Examples
    --------
    >>> [lack.reason for lack in limits(kernel="square", batch=65535)]
    ['takes square kernels only', 'takes at most 65,535 images']
    """
    given = {
        "kernel": kernel,
        "image": image,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "channels": channels,
        "batch": batch,
    }
    return tuple(_lack(name, limit) for name, limit in given.items() if limit is not None)


def _lack(name: str, limit: Any) -> Lack:
    words = _WORDS[name]
    if isinstance(limit, str):
        if limit not in words:
            known = ", ".join(map(repr, words))
            raise ValueError(f"limits({name}=...) must be {known}, or the largest number it takes; not {limit!r}")
        reason, takes = words[limit]
        return Lack(reason, lambda operation, case: not takes(case))
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limits({name}=...) must be a word or an integer; not {limit!r}")
    least = 0 if name == "padding" else 1
    if limit < least:
        raise ValueError(f"limits({name}=...) must be at least {least}; not {limit}")
    form, size = _SIZES[name]
    return Lack(f"takes {form.format(f'{limit:,}')}", lambda operation, case: size(case) > limit)
