"""The shape of a layer that is there already: its own channels, kernel and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...cases.case import Case
from ..padding import explicit
from ..protocol import Lack


def only_as(case: Case, who: str) -> Lack:
    """Return the lack of all other channels, kernels and options than those of a case. Batch and image may differ."""
    fixed = _fixed(case)
    said = str(case).partition("_k")[2].removesuffix(f"_{case.dtype}")
    reason = f"{who}: {case.input_channels} input channels and k{said} only"
    return Lack(reason, lambda operation, asked: _fixed(asked) != fixed)


def _fixed(case: Case) -> Any:
    """Return all but the batch and the image."""
    # With a stride, the pads of SAME follow the image.
    pads = case.padding if case.padding in ("SAME", "SAME_LOWER") else pads_of(case)
    return case.filter_sizes, case.groups, case.strides, case.dilations, pads


def pads_of(case: Case) -> Any:
    """Return ((top, bottom), (left, right))."""
    return explicit(case.padding, (case.height, case.width), case.kernel_size, case.strides, case.dilations)


def small_image(kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    """Return a height and a width with a few windows, and a rest that no window reads."""
    extents = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilations)]
    return tuple(size + 3 * skip + more for size, skip, more in zip(extents, strides, (1, 2)))
