"""Known mistakes that give the wrong answers that a program wrote. Unlike a backend, a file cannot be asked again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..diagnosis.observation import same_answers
from ..mistakes import MISTAKES, Mistake
from ..verdicts.agreement import rounding_room
from ..verdicts.call import Call
from ..verdicts.checks import MOST_ROUNDED
from .compare import Judged

SECONDS = 5.0
_MOST_NAMED = 3


@dataclass
class Matches:
    """Wrong answers, each with the mistakes that give it; `compared` counts those of each operation."""

    compared: Counter[str] = field(default_factory=Counter)
    _found: dict[str, list[Mistake]] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, failed: Iterable[Judged], call_of: Callable[[Judged], Call], seconds: float = SECONDS) -> Matches:
        """Compare the wrong answers of small cases with each mistake, as long as there is time."""
        matches, until = cls(), time.monotonic() + seconds
        for judged in failed:
            small = judged.vector.case.multiply_adds <= MOST_ROUNDED
            if judged.answer is not None and small and time.monotonic() < until:
                matches._add(judged, call_of(judged))
        return matches

    def lines(self, judged: Judged) -> list[str]:
        """Return a line for each mistake that gives this answer; those that give most others come first."""
        operation = judged.vector.operation
        found = [(self._counts[operation, one.name], one) for one in self._found.get(judged.vector.file, ())]
        found.sort(key=lambda pair: -pair[0])
        return [
            f"matches *{mistake.name}*, as do {count} of the {self.compared[operation]} compared wrong answers of "
            f"{operation}: {mistake.does} {mistake.right}"
            for count, mistake in found[:_MOST_NAMED]
        ]

    def _add(self, judged: Judged, call: Call) -> None:
        found = mistakes_like(call, judged.answer, None if judged.vector.is_integer else rounding_room(call))
        self._found[judged.vector.file] = found
        self.compared[call.operation] += 1
        self._counts.update((call.operation, mistake.name) for mistake in found)


def mistakes_like(call: Call, answer: Any, room: np.ndarray | None) -> list[Mistake]:
    """Return the mistakes that give this answer to the call: the same bits, or within `room` if it is given."""
    known = (mistake for mistake in MISTAKES if call.operation in mistake.operations)
    return [mistake for mistake in known if same_answers(answer, _answer(mistake, call), room)]


def _answer(mistake: Mistake, call: Call) -> Any:
    try:
        with np.errstate(all="ignore"):
            return call.with_arrays(np.copy).run(mistake.backend())
    except Exception:  # a mistake may refuse a call with any error
        return None
