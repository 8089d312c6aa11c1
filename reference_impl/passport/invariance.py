"""Invariance: the calls on which a kernel gives the same bits, and the smallest of those tried on which it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

import numpy as np

from ..backends.promises import BATCH, DETERMINISTIC, LAYOUT, THREAD
from ..cases.case import Case
from ..verdicts.call import Call
from ..verdicts.memory_layouts import LAYOUTS, PARTS
from ..verdicts.real_data import real_task
from .element import Ask

# From small to large, and one of a channel alone. The last ones are large enough to be divided among threads.
CASES = tuple(
    Case.parse(spec)
    for spec in (
        "n3_h5w6c5_k3x2o4",
        "n4_h9w8c16_k1x1o16",
        "n4_h9w8c16_k3x3o16_SAME",
        "n4_h9w8c16_k3x3o16_g16_SAME",
        "n4_h20w22c16_k3x3o32_SAME",
        "n2_h56w52c16_k3x3o32_SAME",
    )
)
THREADS = (1, 2, 4)
RUNS = 10
_BATCHES = (2, 3, 5, 8, 16)

MakeOnThreads = Callable[[int], Ask | None]
"""Makes a process with so many threads, and returns how to ask it. None if the backend reads no number of threads."""


@dataclass(frozen=True)
class Invariance:
    """One promise, and what was seen of it.

    Parameters
    ----------
    promise : a word of PROMISES
    holds : None if it was not asked; `seen` then says why
    seen : on how many calls it held, or the smallest case on which it does not
    """

    promise: str
    holds: bool | None
    seen: str


def invariances(
    ask: Ask, operation: str, cases: Sequence[Case], promises: Sequence[str], on_threads: MakeOnThreads
) -> list[Invariance]:
    """Look at each of `promises` for one operation on cases from small to large. Stop at the first that breaks it."""
    looks = {DETERMINISTIC: _runs, BATCH: _batches, LAYOUT: _layouts}
    found = []
    for promise in promises:
        if promise == THREAD:
            found.append(_threads(operation, cases, on_threads))
        elif promise == BATCH and operation == "conv2d_backprop_filter":
            found.append(Invariance(promise, None, "it sums over the batch"))
        else:
            found.append(_first_broken(promise, operation, cases, partial(looks[promise], ask)))
    return found


Look = Callable[[Call], Iterator[tuple[str, bool]]]


def _first_broken(promise: str, operation: str, cases: Sequence[Case], look: Look) -> Invariance:
    looked = 0
    for case in cases:
        for how, same in look(real_task(case, operation, 0, "normal").call):
            looked += 1
            if not same:
                return Invariance(promise, False, f"other bits {how}: {case}")
    return Invariance(promise, True, f"{looked} comparisons on {len(cases)} cases") if looked else _not_asked(promise)


def _not_asked(promise: str) -> Invariance:
    return Invariance(promise, None, "no case is supported")


def _runs(ask: Ask, call: Call) -> Iterator[tuple[str, bool]]:
    first, *others = map(_bytes, ask([call] * RUNS))
    yield f"in one of {RUNS} runs", all(other == first for other in others)


def _batches(ask: Ask, call: Call) -> Iterator[tuple[str, bool]]:
    """Put the first image at the start and the end of batches of various sizes, among copies of the others."""
    names = [name for name in call.arrays if name != "filters"]
    alone = _batch(call, names, [0])
    (expected,) = map(_bytes, ask([alone]))
    for size in _BATCHES:
        for place in (0, size - 1):
            images = [1 + number % (call.case.batch - 1) for number in range(size)]
            images[place] = 0
            (answer,) = ask([_batch(call, names, images)])
            yield f"of an image alone and as number {place} of {size}", _bytes(answer[place : place + 1]) == expected


def _batch(call: Call, names: Sequence[str], images: Sequence[int]) -> Call:
    arrays = {name: array[list(images)] if name in names else array for name, array in call.arrays.items()}
    return Call(call.operation, replace(call.case, batch=len(images)), arrays)


def _layouts(ask: Ask, call: Call) -> Iterator[tuple[str, bool]]:
    (expected,) = map(_bytes, ask([call]))
    for how, layout in (LAYOUTS | PARTS).items():
        (answer,) = ask([call.with_arrays(layout)])
        yield f"with the arrays {how}", _bytes(answer) == expected


def _threads(operation: str, cases: Sequence[Case], on_threads: MakeOnThreads) -> Invariance:
    calls = [real_task(case, operation, 0, "normal").call for case in cases]
    answers: list[list[bytes]] = []
    for count in THREADS:
        ask = on_threads(count)
        if ask is None:
            return Invariance(THREAD, None, "no variable sets its number of threads, or this machine has too few")
        answers.append([_bytes(answer) for answer in ask(calls)] if calls else [])
    for case, found in zip(cases, zip(*answers)):
        for count, bits in zip(THREADS[1:], found[1:]):
            if bits != found[0]:
                return Invariance(THREAD, False, f"other bits on 1 and on {count} threads: {case}")
    return Invariance(THREAD, True, f"{len(cases)} cases on 1, 2 and 4 threads") if calls else _not_asked(THREAD)


def digests(ask: Ask, operation: str, cases: Sequence[Case]) -> dict[str, str]:
    """Return a digest of the bits of each case, so that environments and routes can be compared."""
    calls = [real_task(case, operation, 0, "normal").call for case in cases]
    answers = ask(calls) if calls else []
    return {str(case): sha256(_bytes(answer)).hexdigest() for case, answer in zip(cases, answers, strict=True)}


def _bytes(answer: object) -> bytes:
    return np.ascontiguousarray(answer).tobytes()
