"""Where the wrong elements of an answer lie, in words."""

from __future__ import annotations

import numpy as np

AXES = {
    "conv2d": ("image", "row", "column", "output channel"),
    "conv2d_backprop_input": ("image", "row", "column", "input channel"),
    "conv2d_backprop_filter": ("kernel row", "kernel column", "input channel", "output channel"),
    "conv2d_transpose": ("image", "row", "column", "output channel"),
}


def locate(wrong: np.ndarray, axes: tuple[str, ...]) -> str:
    """Describe the True elements of `wrong`: "everywhere", "the last row only", "every 2nd column from 1", ..."""
    if wrong.all():
        return "everywhere"
    said = []
    for axis, name in enumerate(axes):
        hit = np.flatnonzero(_any_along(wrong, axis))
        if len(hit) < wrong.shape[axis]:
            said.append(_indices(hit.tolist(), wrong.shape[axis], name))
    if not said and "row" in axes and _in_border(wrong, axes.index("row")):
        return "the border of the image only"
    filled = wrong[np.ix_(*[np.flatnonzero(_any_along(wrong, axis)) for axis in range(wrong.ndim)])]
    if said and not filled.all():
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


def _in_border(wrong: np.ndarray, row_axis: int) -> bool:
    middle = [slice(None)] * wrong.ndim
    middle[row_axis] = middle[row_axis + 1] = slice(1, -1)
    return not wrong[tuple(middle)].any()
