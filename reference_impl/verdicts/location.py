"""The places of the wrong elements of an answer, in words."""

from __future__ import annotations

import numpy as np

AXES = {
    "conv2d": ("image", "row", "column", "output channel"),
    "conv2d_backprop_input": ("image", "row", "column", "input channel"),
    "conv2d_backprop_filter": ("kernel row", "kernel column", "input channel", "output channel"),
    "conv2d_transpose": ("image", "row", "column", "output channel"),
}


def locate(wrong: np.ndarray, axes: tuple[str, ...], groups: int = 1) -> str:
    """Describe the True elements of `wrong`: "everywhere", "the last row only", "every 2nd column from 1", ..."""
    if wrong.all():
        return "everywhere"
    said = []
    for axis, name in enumerate(axes):
        hit = np.flatnonzero(_any_along(wrong, axis))
        if len(hit) < wrong.shape[axis]:
            group = _group(hit, wrong.shape[axis], groups) if axis == wrong.ndim - 1 else None
            said.append(group or _indices(hit.tolist(), wrong.shape[axis], name))
    filled = wrong[np.ix_(*[np.flatnonzero(_any_along(wrong, axis)) for axis in range(wrong.ndim)])]
    ring = _border(filled, axes.index("row")) if "row" in axes else None
    if ring is not None:
        said.append(f"the border of the image only{f', {ring} wide' if ring > 1 else ''}")
    elif said and not filled.all():
        said.append(f"{filled.mean():.0%} of the elements there")
    return ", ".join(said) or f"scattered, {wrong.mean():.1%} of all elements"


def _any_along(wrong: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(wrong.any(axis=tuple(other for other in range(wrong.ndim) if other != axis)))


def _indices(hit: list[int], size: int, name: str) -> str:
    first, last, steps = hit[0], hit[-1], set(np.diff(hit).tolist())
    if len(hit) == 1:
        place = "first" if first == 0 else "last" if first == size - 1 else ""
        return f"the {place} {name} only" if place else f"{name} {first} only"
    if hit == [0, size - 1]:
        return f"the first and last {name} only"
    if len(steps) == 1:
        step = steps.pop()
        if step == 1:
            return f"{name}s {first} to {last} of 0 to {size - 1}"
        return f"every {step}{_ordinal(step)} {name} from {first}"
    return f"{len(hit)} of {size} {name}s ({', '.join(map(str, hit[:6]))}{', ...' if len(hit) > 6 else ''})"


def _ordinal(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")


def _border(wrong: np.ndarray, row_axis: int) -> int | None:
    """The width of the border that holds all of `wrong`; None if that leaves nothing in the middle."""
    for width in range(1, (min(wrong.shape[row_axis : row_axis + 2]) + 1) // 2):
        middle = [slice(None)] * wrong.ndim
        middle[row_axis] = middle[row_axis + 1] = slice(width, -width)
        if not wrong[tuple(middle)].any():
            return width
    return None


def _group(hit: np.ndarray, channels: int, groups: int) -> str | None:
    """Name the one group of channels that `hit` is; None if it is not exactly one."""
    size = channels // groups
    if groups > 1 and size > 1 and len(hit) == size and hit[0] % size == 0 and hit[-1] - hit[0] == size - 1:
        return f"group {hit[0] // size} of 0 to {groups - 1} only"
    return None
