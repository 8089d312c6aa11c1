"""The messages of the assertions: how many elements are wrong, where, which known mistake they fit, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cases.case import DTYPES
from ..exact.formats import FORMATS
from ..verdicts import location
from ..verdicts.agreement import THRESHOLD
from .problem import Problem

if TYPE_CHECKING:
    from .judgement import Right


def fits(*args: Any) -> list[str]:
    """Name the mistakes that fit. They are imported only when a test fails, as that takes long."""
    from .fits import fits

    return fits(*args)


def of_shape(actual: np.ndarray, shape: tuple[int, ...], problem: Problem) -> str:
    source, target = problem.axes
    lines = [f"the answer's shape must be {shape}, not {actual.shape}"]
    if actual.ndim == 4 and actual.shape == problem.shape:
        lines.append(f"it has the sizes of the right answer in the order {target}; {source} is declared")
    elif actual.ndim == 4:
        lines += fits(actual.transpose([source.index(letter) for letter in target]), problem)
    return "\n".join([*lines, *_next(problem)])


def of_dtype(dtype: str, problem: Problem) -> str:
    lines = [f"the answer's dtype must be {problem.dtype or 'one of integers'}, not {dtype}"]
    if dtype in DTYPES:
        lines.append(f'next: if it is meant to answer in {dtype}, declare that: dtype="{dtype}"')
    given = ", ".join(f"{name} {array}" for name, array in problem.dtypes.items())
    return "\n".join([*lines, f"given are: {given}"])


def of_elements(
    actual: np.ndarray, right: Right, wrong: np.ndarray, problem: Problem, heading: str, *, finite: bool = True
) -> str:
    """Say which elements are wrong. `actual` and `wrong` are in the oracle's order of axes.

    `finite` is False if they are wrong by NaN or an infinity that is given.
    """
    expected = right.expected
    with np.errstate(all="ignore"):
        errors = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        ratios = errors / (np.ones(errors.shape) if right.equal else right.unit)
    ratios = np.where(wrong, np.nan_to_num(ratios, nan=np.inf, posinf=np.inf), -1.0)
    worst = tuple(int(place) for place in np.unravel_index(int(np.argmax(ratios)), wrong.shape))
    index = problem.as_given(worst)
    named = ", ".join(f"{name} {at}" for name, at in zip(problem.as_given(problem.axis_names), index, strict=True))
    unit = "" if right.equal else " eps * gauge"
    by, off = "", ""
    if np.isfinite(ratios[worst]):  # neither number is NaN or infinite
        by = f" by {ratios[worst]:.3g}{unit}"
        off = f", off by {errors[worst]:.3g}{'' if right.equal else f' = {ratios[worst]:.3g}{unit}'}"
    lines = [
        f"{problem.operation} is wrong{by}: {heading}",
        f"{int(wrong.sum())} of {wrong.size} elements are wrong",
        f"worst at {list(index)} ({named}): actual {_shown(actual[worst])}, expected {_shown(expected[worst])}{off}",
        *([] if right.equal or not off else [_unit(worst, problem)]),
        f"they lie: {location.locate(wrong, problem.axis_names, problem.call.case.groups)}",
        *(fits(actual, problem, right, worst) if finite else _taken_as_zero(actual, problem, wrong)),
        *_next(problem),
    ]
    return "\n".join(lines)


def _unit(worst: tuple[int, ...], problem: Problem) -> str:
    dtype = max((problem.dtype, problem.accumulator), key=lambda name: FORMATS[name].eps)  # type: ignore[index]
    return (
        f"eps is {problem.eps:.3g}, the spacing of {dtype} after 1; "
        f"the gauge there is {problem.gauge[worst]:.3g}, the sum of the products' absolute values"
    )


def of_statistics(complaint: str, problem: Problem) -> str:
    wide = "float16 or bfloat16" if problem.dtype in ("float16", "bfloat16") else "float16, bfloat16 or TF32"
    return "\n".join(
        [
            f"each element is within its bound, but {complaint}",
            f"a kernel does so that truncates where it should round, or sums in {wide}",
            f'next: if that is meant, declare it: accumulate="{_narrower(problem)}", or factor=2 with a reason',
            "or ask the kernel itself, on integers and many shapes:",
            *_next(problem)[1:],
        ]
    )


def _taken_as_zero(actual: np.ndarray, problem: Problem, wrong: np.ndarray) -> list[str]:
    """Say if the wrong elements are right as if NaN and infinities were zero. In `problem` they are."""
    with np.errstate(all="ignore"):
        near = np.abs(actual[wrong] - problem.by_oracle()[wrong]) <= THRESHOLD * problem.eps * problem.gauge[wrong]
    return ["it fits: NaN and infinities are taken as zero"] if near.all() else []


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
