"""Recognise a cache whose keys leave something out: a call is wrong after another one, and right without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

from ..cases.case import Case
from ..mistakes import Mistake
from ..run.outcome import Record
from ..run.subject import Subject
from ..verdicts.call import Call, array_shapes, gauge, oracle
from ..verdicts.integers import EXACT_INTEGERS, integer_call
from ..words import listed
from .pairs import IN_PLACE, MOST, OF_SIZES, Pair, pairs

# A stale answer is the right one to the earlier call, or to this call with a part of the earlier one, or another.
ANSWER, PART, OTHER = "answer", "part", "other"
A_CACHE, KEPT_MEMORY = "a cache: ", "memory of an earlier call: "
_HEADS = {
    ANSWER: "it gives the answer of an earlier call with the same shapes and other {}",
    PART: "it keeps the {} of an earlier call with the same shapes",
    OTHER: "it is wrong after a call with the same shapes and other {}, and right without one",
}
# Cases with two windows along each axis: a stride, a dilation or a size that is one more leaves all shapes as they are.
# The second is for kernels without strides.
_BASES = ("n2_h9w10c2_k3x3o4_s4x4_p1,0,0,0", "n2_h7w8c2_k3x3o4_p1,1,1,1")


@dataclass
class Keys:
    """The keys of a cache, as far as calls show them.

    Parameters
    ----------
    lack : what they leave out; and what the answer is after a call that differs in that: ANSWER, PART or OTHER
    have : what else calls differed in, and were right
    """

    lack: dict[str, str] = field(default_factory=dict)
    have: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Say what an answer comes from, and what the keys lack. No line if they lack nothing."""
        if not self.lack:
            return []
        numbers = [way for name, way in self.lack.items() if name.startswith("numbers")]
        if numbers and set(numbers) == {OTHER}:
            head = _HEADS[OTHER].format(listed([*self.lack], "or"))
            return [
                f"{KEPT_MEMORY}{head}",
                "it does not write all of its answer, or adds to what it finds in that memory",
            ]
        by_way = {way: [name for name, own in self.lack.items() if own == way] for way in _HEADS}
        told = [_HEADS[way].format(listed(names, "or")) for way, names in by_way.items() if names]
        right = f"; calls that differ in the {listed(self.have, 'or')} alone are right" if self.have else ""
        return [f"{A_CACHE}{'; '.join(told)}", f"its keys lack the {listed([*self.lack], 'and')}{right}"]


def stale(subject: Subject, record: Record) -> list[str]:
    """Say what the keys of the backend's cache lack; nothing if it has none, or is wrong without an earlier call."""
    return keys_of(subject, record).lines()


def keys_of(subject: Subject, record: Record) -> Keys:
    """Find what the keys of a backend's cache lack, by pairs of calls on the failing case, and on two others.

    A backend may keep its cache in a module, where a fresh one finds it. So no two pairs have as many images.
    """
    operation, own, keys, batches = record.operation, Case.parse(record.case), Keys(), count(1)
    asker = _Asker(subject, operation, record.seed)
    if not asker.is_right_alone(own, 0) and not asker.is_right_alone(own, next(batches)):
        return keys
    dtype = own.dtype
    for case in (own, *(Case.parse(spec).with_dtype(dtype) for spec in _BASES)):
        for pair in pairs(case, operation, subject.capabilities.dtypes):
            known = pair.name in keys.lack or pair.name.removesuffix(IN_PLACE) in keys.lack
            way = None if known else asker.way(pair, batches)
            if way:
                keys.lack[pair.name] = way
            elif way is not None and pair.name not in keys.have:
                keys.have.append(pair.name)
    return _joined(keys, [f"numbers of the {name}" for name in array_shapes(own, operation)])


def _joined(keys: Keys, of_arrays: Sequence[str]) -> Keys:
    """Say "numbers" where something is true of the numbers of both arrays; leave out what needs no mention."""
    lack, have = dict(keys.lack), [name for name in keys.have if f"{name}{IN_PLACE}" not in keys.lack]
    for end in ("", IN_PLACE):
        ways = {lack.get(f"{name}{end}") for name in of_arrays}
        if len(ways) == 1 and None not in ways:
            lack = {f"numbers{end}": lack[f"{of_arrays[0]}{end}"], **lack}
            for name in of_arrays:
                del lack[f"{name}{end}"]
    if set(of_arrays) <= set(have):
        have = ["numbers", *(name for name in have if name not in of_arrays)]
    return Keys(lack, [name for name in have if name not in lack and not name.endswith(IN_PLACE)])


def keys_of_mistake(mistake: Mistake, record: Record) -> Keys:
    """Find what the keys of a known mistake's cache lack, by the same calls."""
    return keys_of(Subject.of(mistake.backend(), remake=mistake.backend), record)


@dataclass(frozen=True)
class _Asker:
    """Makes pairs of calls of a backend."""

    subject: Subject
    operation: str
    seed: int

    def way(self, pair: Pair, batches: Iterator[int]) -> str | None:
        """Return what the later answer is: ANSWER, PART or OTHER; "" if it is right. None if that cannot be told."""
        if not all(self.subject.capabilities.supports(self.operation, case) for case in (pair.earlier, pair.later)):
            return None
        one = pair.calls(self.operation, self.seed, next(batches), numbers=False)
        answer = self._stale_answer(pair, *one[:2])
        if answer is None or self._is_right(answer, one[1]):
            return None if answer is None else ""
        alone = self._is_right(self._answers(one[1])[0], one[1])
        if not alone and not self.is_right_alone(pair.later, next(batches)):
            return None
        two = pair.calls(self.operation, self.seed, next(batches), numbers=True)
        again = self._stale_answer(pair, *two[:2])
        if again is None or self._is_right(again, two[1]):  # the numbers are among the keys
            way = ANSWER if self._is_of(answer, one[0]) else OTHER
        else:
            by_place = (ANSWER, two[0]), (PART, two[2])
            way = next((way for way, call in by_place if self._is_of(again, call)), OTHER)
        # Any wrong answer may be OTHER: of a backend that is also wrong alone, or finds larger arrays in its workspace.
        return None if way == OTHER and (not alone or pair.name in OF_SIZES) else way

    def is_right_alone(self, case: Case, batch: int) -> bool:
        call = integer_call(replace(case, batch=case.batch + batch), self.operation, self.seed, MOST)
        return self._is_right(self._answers(call)[0], call)

    def _stale_answer(self, pair: Pair, earlier: Call, later: Call) -> Any:
        """Return the answer to the later call; None if the two do not tell, or the earlier answer is wrong."""
        if not all(_is_exact(call) for call in (earlier, later)):
            return None
        if np.array_equal(oracle(earlier), oracle(later)) and earlier.case.dtype == later.case.dtype:
            return None
        first, answer = self._answers(earlier, later, in_place=pair.in_place)
        return answer if self._is_right(first, earlier) else None

    def _answers(self, *calls: Call, in_place: bool = False) -> list[Any]:
        """Return what a fresh backend answers to some calls; None from the first that it refuses on."""
        fresh, given = self.subject.fresh(), list[Call]()
        answers: list[Any] = [None] * len(calls)
        if fresh is None:
            return answers
        for place, call in enumerate(calls):
            if in_place and given:
                for name, array in call.arrays.items():
                    given[0].arrays[name][...] = array
                given.append(given[0])
            else:  # the arrays of all calls are kept, so that no two have one address
                given.append(call.with_arrays(np.copy))
            try:
                found = given[-1].run(fresh.backend)
            except Exception:  # a backend may raise anything, and a refusal is no stale answer
                break
            answers[place] = np.copy(found) if isinstance(found, np.ndarray) else found
        return answers

    def _is_right(self, answer: Any, call: Call) -> bool:
        dtype = self.subject.capabilities.result_dtype(call.case.dtype)
        return self._is_of(answer, call) and str(answer.dtype) == dtype

    def _is_of(self, answer: Any, call: Call) -> bool:
        return isinstance(answer, np.ndarray) and np.array_equal(answer, oracle(call))


def _is_exact(call: Call) -> bool:
    return bool(gauge(call).max(initial=0) <= EXACT_INTEGERS[call.case.dtype])
