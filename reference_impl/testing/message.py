"""The messages of the assertions: how many elements are wrong, where, which known mistake they fit, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..verdicts import location
from .problem import Problem

if TYPE_CHECKING:
    from .judgement import Right


def fits(*args: Any) -> list[str]:
    """Name the mistakes that fit. They are imported only when a test fails, as that takes long."""
    from .fits import fits

    return fits(*args)


def of_shape(actual: np.ndarray, shape: tuple[int, ...], problem: Problem) -> str:
    lines = [f"the answer's shape must be {shape}, not {actual.shape}"]
    if actual.ndim == 4:
        source, target = problem.axes
        lines += fits(actual.transpose([source.index(letter) for letter in target]), problem)
    return "\n".join([*lines, *_next(problem)])


def of_elements(actual: np.ndarray, right: Right, wrong: np.ndarray, problem: Problem, heading: str) -> str:
    """Say which elements are wrong. `actual` and `wrong` are in the oracle's order of axes."""
    expected = right.expected
    with np.errstate(all="ignore"):
        errors = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        ratios = errors / (np.ones(errors.shape) if right.equal else right.unit)
    ratios = np.where(wrong, np.nan_to_num(ratios, nan=np.inf, posinf=np.inf), -1.0)
    worst = tuple(int(place) for place in np.unravel_index(int(np.argmax(ratios)), wrong.shape))
    index = problem.as_given(worst)
    named = ", ".join(f"{name} {at}" for name, at in zip(problem.as_given(problem.axis_names), index, strict=True))
    off = "" if right.equal else f", off by {ratios[worst]:.3g} eps * gauge"
    lines = [
        heading,
        f"{int(wrong.sum())} of {wrong.size} elements are wrong",
        f"worst at {list(index)} ({named}): actual {_shown(actual[worst])}, expected {_shown(expected[worst])}{off}",
        f"they lie: {location.locate(wrong, problem.axis_names, problem.call.case.groups)}",
        *fits(actual, problem, right, worst),
        *_next(problem),
    ]
    return "\n".join(lines)


def of_statistics(complaint: str, problem: Problem) -> str:
    wide = "float16 or bfloat16" if problem.dtype in ("float16", "bfloat16") else "float16, bfloat16 or TF32"
    return "\n".join(
        [
            f"each element is within its bound, but {complaint}",
            f"a kernel does so that truncates where it should round, or sums in {wide}",
            f'next: if that is meant, declare it: accumulate="{_narrower(problem)}", or factor=2 with a reason',
            *_next(problem)[1:],
        ]
    )


def _narrower(problem: Problem) -> str:
    return problem.dtype if problem.dtype in ("float16", "bfloat16") else "float16"


def _next(problem: Problem) -> list[str]:
    case = problem.call.case
    where = f"--cases {case} --operation {problem.operation}"
    return [
        "next: ask the kernel itself, on integers and many shapes:",
        f"    conv2d-reference verify --backend your_package.your_module:Kernel {where}",
        f"    conv2d-reference explain {case}    # sizes, padding, and the same call in five frameworks",
    ]


def _shown(value: object) -> str:
    return f"{value:.9g}" if isinstance(value, (float, np.floating)) else str(value)
