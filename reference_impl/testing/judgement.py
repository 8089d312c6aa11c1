"""Judge an answer to given data, and say what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.formats import FORMATS
from ..verdicts.agreement import THRESHOLD
from ..verdicts.integers import EXACT_INTEGERS
from ..verdicts.statistics import Sums, statistics
from . import arrays, message
from .part import part
from .problem import Problem
from .screening import each_is_right, near_exact, near_oracle, surely_right
from .specials import Specials, taken_out

# The exact answer to more products than this takes seconds. Then a part is computed exactly, of about so many.
MOST_EXACT = 5_000_000
MOST_SAMPLED = MOST_EXACT // 4


@dataclass(frozen=True, eq=False)
class Right:
    """The right answer, and how near an answer must be: each element below `bound`.

    Parameters
    ----------
    expected : the exact answer, or one that is within `room` of it
    unit : eps * gauge, and what products may lose by underflow
    bound : in the answer's own units; 0 where it must be equal
    said : the rule, in words
    """

    expected: np.ndarray
    unit: np.ndarray
    bound: np.ndarray
    said: str
    equal: bool = False
    sampled: bool = False


def judge(actual: Any, problem: Problem) -> None:
    """Raise AssertionError unless `actual` is a right answer to the problem."""
    __tracebackhide__ = True
    answer = _answer(actual, problem)
    problem, specials = taken_out(problem)
    right = integers(problem)
    if right is None:
        if _surely_right(answer, problem, specials):
            return
        right = real(problem)
    wrong = _wrong(answer, right, problem)
    heading = right.said
    if specials is not None:
        astray = specials.wrong(answer)
        wrong = np.where(specials.reached, astray, wrong & ~(specials.may_be_nan & np.isnan(answer)))
        right = _with_specials(right, specials)
        if astray.any():
            heading = "NaN and infinities must reach exactly the elements whose sums they enter"
            raise AssertionError(message.of_elements(answer, right, astray, problem, heading, finite=False))
    if wrong.any():
        raise AssertionError(message.of_elements(answer, right, wrong, problem, heading))
    if right.sampled:
        _judge_sample(answer, problem, None if specials is None else specials.reached)
    complaint = None if right.equal or specials is not None else lean_or_spread(answer, right, problem)
    if complaint is not None:
        raise AssertionError(message.of_statistics(complaint, problem))


def _surely_right(answer: np.ndarray, problem: Problem, specials: Specials | None) -> bool:
    """True if a quick look shows that an answer is right. Raises AssertionError if a part of it is wrong."""
    __tracebackhide__ = True
    exactly = problem.dtype != "float64" or not _is_large(problem)
    if specials is not None:
        if not exactly or specials.wrong(answer).any():
            return False
        excused = specials.reached | (specials.may_be_nan & np.isnan(answer))
        return surely_right(np.where(excused, problem.by_oracle(), answer), problem, together=False)
    if exactly:
        return surely_right(answer, problem, together=_judged_together(problem))
    if not each_is_right(answer, near_oracle(problem), problem):
        return False
    _judge_sample(answer, problem, None)
    return True


def _answer(actual: Any, problem: Problem) -> np.ndarray:
    """Return the answer in the oracle's order of axes, if its shape and dtype are right."""
    __tracebackhide__ = True
    if not arrays.is_array(actual) or isinstance(actual, np.ma.MaskedArray):
        raise AssertionError(f"the answer must be an array, not {type(actual).__name__}")
    read = arrays.read(actual, "actual")
    shape = problem.as_given(problem.shape)
    if read.shape != shape:
        raise AssertionError(message.of_shape(read.values, shape, problem))
    if read.dtype != problem.dtype and not (problem.dtype is None and read.values.dtype.kind in "biu"):
        raise AssertionError(message.of_dtype(read.dtype, problem))
    source, target = problem.axes
    return read.values.transpose([source.index(letter) for letter in target])


def integers(problem: Problem) -> Right | None:
    """Return the right answer if the data are integers, and no sum of them rounds; None for all others."""
    if problem.holds_floats or problem.dtype in FORMATS:
        dtypes = [problem.accumulator, *([problem.dtype] if problem.dtype in FORMATS else [])]
        limit = min(EXACT_INTEGERS[dtype] for dtype in dtypes)
        if problem.factor > 1 or not problem.holds_integers:
            return None
        if problem.most_gauge > limit and problem.gauge.max(initial=0) > limit:
            return None
    expected = problem.by_oracle()
    nothing = np.broadcast_to(0.0, expected.shape)
    return Right(expected, nothing, nothing, "on integers the answer must equal the oracle's", equal=True)


def real(problem: Problem) -> Right:
    """Return the exact answer to a small problem, and that of the oracle in float64 to a large one."""
    assert problem.dtype is not None
    expected = None if _is_large(problem) else problem.exactly()
    exactly = expected is not None
    expected = problem.by_oracle().astype(np.float64) if expected is None else expected
    form, eps = FORMATS[problem.dtype], problem.eps
    unit = eps * problem.gauge + np.where(problem.gauge > 0, problem.terms * form.smallest_subnormal, 0.0)
    bound = THRESHOLD * problem.factor * unit
    said = f"the answer must be within {THRESHOLD * problem.factor:g} eps * gauge of the exact one"
    if eps > form.eps:
        said += f" (eps of {problem.accumulator}, which is declared)"
    if not exactly:
        bound = bound + own_error(problem)
        said += f" (of float64's, and its own error of {problem.terms / 2**53:.2g} * gauge)"
    return Right(expected, unit, bound, said, sampled=not exactly)


def own_error(problem: Problem) -> np.ndarray:
    """Bound the error of the oracle in float64: n * u * gauge, in any order, and underflow.

    Jeannerod and Rump prove it: https://doi.org/10.1137/120894488. The gauge is itself as far off at most.
    """
    n = problem.terms
    return n * 2.0**-53 * problem.gauge * (1 + n * 2.0**-52) + n * FORMATS["float64"].smallest_subnormal


def _wrong(answer: np.ndarray, right: Right, problem: Problem) -> np.ndarray:
    """Mark the wrong elements. Where the gauge passes the dtype's range a sum may overflow, and says nothing."""
    if right.equal:
        comparable = answer.astype(object) if right.expected.dtype == object else answer
        wrong = np.asarray(~(comparable == right.expected))
        if answer.dtype.kind == "f" and not wrong.any():
            zeros = (answer == 0) & np.signbit(answer)
            wrong = zeros & (problem.gauge > 0) if zeros.any() else wrong
        return wrong
    form = FORMATS[problem.dtype]  # type: ignore[index]
    with np.errstate(all="ignore"):
        errors = np.abs(answer.astype(np.float64) - right.expected)
        near = (errors < right.bound) | (errors == 0)
    return (problem.gauge * (1 + problem.eps) <= form.largest) & ~near


def _with_specials(right: Right, specials: Specials) -> Right:
    expected = np.where(specials.reached, specials.expected, right.expected.astype(np.float64))
    return Right(expected, right.unit, right.bound, right.said, right.equal, right.sampled)


def _judge_sample(answer: np.ndarray, problem: Problem, reached: np.ndarray | None) -> None:
    """Compare a part of a large answer, which the seed chooses, with the exact one; and the oracle with that, too."""
    __tracebackhide__ = True
    random = np.random.default_rng(problem.seed)
    index = tuple(int(random.integers(size)) for size in answer.shape)
    small, place = part(problem, index, MOST_SAMPLED)
    if small.call.case.multiply_adds > 4 * MOST_EXACT or (reached is not None and reached[place].any()):
        return
    near = near_exact(small, slices=1)
    if near is not None and each_is_right(answer[place], near, small):
        off = np.abs(small.by_oracle() - near.values).reshape(-1) + near.errors(small.gauge.reshape(-1))
        if (off <= own_error(small).reshape(-1)).all():
            return
    exact = real(small)
    if exact.sampled:
        return
    if (np.abs(small.by_oracle() - exact.expected) > own_error(small) + np.abs(exact.expected) * 2.0**-52).any():
        raise RuntimeError("the ORACLE is suspect: in float64 it is further from the exact answer than it can be")
    wrong = _wrong(answer[place], exact, small)
    if wrong.any():
        marked = np.zeros(answer.shape, bool)
        marked[place] = wrong
        expected = problem.by_oracle()
        expected[place] = exact.expected
        bound = np.full(answer.shape, np.inf)
        bound[place] = exact.bound
        unit = np.ones(answer.shape)
        unit[place] = exact.unit
        shown = Right(expected, unit, bound, exact.said)
        said = f"{exact.said}; of {wrong.size} elements that were computed exactly:"
        raise AssertionError(message.of_elements(answer, shown, marked, problem, said))


def lean_or_spread(answer: np.ndarray, right: Right, problem: Problem) -> str | None:
    """Say what is wrong with the errors of all elements together; None if nothing is, or nothing can be said.

    Data that hardly vary give errors that depend on one another.
    """
    exactly = not right.sampled or problem.dtype != "float64"
    if not exactly or not _judged_together(problem) or not all(map(varies, problem.call.arrays.values())):
        return None
    sums = Sums(right.expected, problem.gauge, np.square(problem.gauge), problem.terms)
    found = statistics(answer, sums, problem.dtype, problem.accumulator, any_order=True)  # type: ignore[arg-type]
    return None if found is None else found.complaint


def _judged_together(problem: Problem) -> bool:
    """True if the errors of all elements may be judged together, where the data vary.

    A kernel that declares a factor, or sums in another dtype, claims less. In float64 that takes the exact answer.
    """
    usual = "float64" if problem.dtype == "float64" else "float32"
    claims_less = problem.factor > 1 or problem.accumulator != usual
    return not claims_less and (problem.dtype != "float64" or not _is_large(problem))


def _is_large(problem: Problem) -> bool:
    return problem.call.case.multiply_adds > MOST_EXACT


def varies(array: np.ndarray) -> bool:
    """True if the numbers of an array that are not zero mostly differ, and by more than a thirtieth of their mean."""
    values = array.reshape(-1)[:: max(array.size // 4096, 1)].astype(np.float64)
    values = values[values != 0]
    if values.size < 2:
        return False
    distinct = len(np.unique(np.abs(np.frexp(values)[0])))
    return distinct >= min(values.size, 64) / 2 and bool(values.std() > abs(values.mean()) / 32)
