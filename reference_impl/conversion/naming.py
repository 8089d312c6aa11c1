"""Name what is wrong with a model: the fault of a converter, or the mistake of a kernel, that gives its answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..diagnosis.observation import same_answers
from ..exact.formats import FORMATS
from ..mistakes import MISTAKES
from ..verdicts.agreement import THRESHOLD
from ..verdicts.call import Call
from .faults import Fault, altered
from .judging import Judged
from .problem import Problem

SECONDS = 20.0
_MOST_NAMED = 3
# Above so many multiply-adds for all images, the zero and the dense one are enough to tell faults apart.
_LARGE = 20_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: a name with hyphens, and a sentence."""

    name: str
    does: str


def findings(judged: Judged, seconds: float = SECONDS) -> list[Finding]:
    """Return what is wrong: the bias, and what else gives the model's answers."""
    given, needed = judged.actual.shape[-1], judged.layer.channels[1]
    if given != needed:
        return [Finding("other-channels", f"The model gives {given} channels, and the layer {needed}.")]
    if judged.case.multiply_adds > _LARGE:
        ends = [0, -1]
        case = replace(judged.case, batch=2)
        judged = replace(judged, case=case, images=judged.images[ends], actual=judged.actual[ends])
    actual = judged.actual.astype(np.float64)
    found, rest = [], actual - judged.bias
    wrong_bias = _bias(judged)
    if wrong_bias is not None:
        found.append(wrong_bias)
        rest = actual - actual[:1]  # the answer to zeros is what is added to each element
    room = _room(judged, rest)
    if not same_answers(rest, _answered(judged.problem), room):
        found += _explained(judged, rest, room, time.monotonic() + seconds)
    return found


def _explained(judged: Judged, rest: np.ndarray, room: np.ndarray, until: float) -> list[Finding]:
    """Name the faults that give these answers, each alone; else known mistakes; else two faults together."""
    single, found = list(altered(judged.problem)), []
    for fault, changed in single:
        if time.monotonic() > until:
            break
        if same_answers(rest, _answered(changed), room):
            found.append(Finding(fault.name, fault.does))
    if found:
        return found[:_MOST_NAMED]
    known = list(_mistakes(judged, rest, room, until))
    if known:
        return known[:_MOST_NAMED]
    return _of_weights(judged) or _two_faults(single, rest, room, until)


def _two_faults(single: list[tuple[Fault, Problem]], rest: np.ndarray, room: np.ndarray, until: float) -> list[Finding]:
    order = [fault for fault, _ in single]
    for number, (first, changed) in enumerate(single):
        if time.monotonic() > until:
            tried = f"{number} of {len(single)} were tried together with others"
            return [
                Finding("unknown", f"The model holds the layer's weights. No known fault gives its answers; {tried}.")
            ]
        for fault, twice in altered(changed):
            if fault not in order[: number + 1] and same_answers(rest, _answered(twice), room):
                return [Finding(one.name, one.does) for one in (first, fault)]
    return [Finding("unknown", "The model holds the layer's weights. No known fault, and no two, give its answers.")]


def _of_weights(judged: Judged) -> list[Finding]:
    """Say that the model holds other weights than the layer, in whatever order. Return nothing if it holds these."""
    own, held = (np.sort(array.astype(np.float64), axis=None) for array in (judged.layer.filters, judged.model.weights))
    if np.array_equal(own, held):
        return []
    if own.shape != held.shape:
        return [Finding("other-weights", f"The model holds {held.size} weights, and the layer {own.size}.")]
    rounded = np.array_equal(own.astype(np.float16), held.astype(np.float16))
    hint = "they were rounded" if rounded else "of another layer, or of another time of training"
    return [Finding("other-weights", f"The model holds other weights than the layer: {hint}.")]


def _mistakes(judged: Judged, rest: np.ndarray, room: np.ndarray, until: float) -> Iterator[Finding]:
    """Name the known mistakes of kernels that give these answers. Each answers in the dtype of its arguments."""
    operation = "conv2d_transpose" if judged.layer.is_transposed else "conv2d"
    case = replace(judged.case, dtype="float64")
    call = Call(operation, case, {"input": judged.images, "filters": judged.problem.filters})
    for mistake in MISTAKES:
        if operation in mistake.operations and mistake.pure and time.monotonic() < until:
            try:
                with np.errstate(all="ignore"):
                    answer = call.with_arrays(np.copy).run(mistake.backend())
            except Exception:  # a mistake may refuse a call with any error
                continue
            if same_answers(rest, answer, room):
                yield Finding(mistake.name, f"{mistake.does} {mistake.right}")


def _bias(judged: Judged) -> Finding | None:
    """Name what is wrong with the bias, which the answer to the image of zeros is."""
    zero, bias = judged.actual[0].astype(np.float64), judged.bias
    if zero.shape[-1:] != bias.shape or not zero.size:
        return None
    near = 2 * THRESHOLD * FORMATS[judged.model.dtype].eps
    told = {
        "bias-lost": (np.zeros_like(bias), "The bias is lost: the answer to zeros is zero."),
        "bias-twice": (2 * bias, "The bias is added twice."),
        "bias-negated": (-bias, "The bias is subtracted."),
        "bias-reversed": (bias[::-1], "The bias is in reverse order."),
    }
    if np.allclose(zero, bias, rtol=near, atol=0):
        return None
    for name, (wrong, does) in told.items():
        if np.allclose(zero, wrong, rtol=near, atol=0):
            return Finding(name, does)
    if np.allclose(np.sort(zero[0, 0]), np.sort(bias), rtol=near, atol=0):
        return Finding("bias-permuted", "The bias's numbers are in another order.")
    if judged.layer.bias is None:
        return Finding("bias-added", "The model adds a bias, and the layer has none.")
    return Finding("bias-other", "The answer to zeros is another number than the bias.")


def _room(judged: Judged, rest: np.ndarray) -> np.ndarray:
    """The most by which two right answers may differ. A wrong shape has no gauge of its own: the largest is taken."""
    unit = judged.unit if judged.unit.shape == rest.shape else np.full(rest.shape, judged.unit.max(initial=0.0))
    return 2 * THRESHOLD * np.maximum(unit, np.finfo(np.float64).tiny)


def _answered(problem: Problem) -> np.ndarray | None:
    try:
        with np.errstate(all="ignore"):
            return problem.answer()
    except (ValueError, TypeError):
        return None
