"""Which known mistakes give the very answers that were read. Unlike a backend, a file cannot be asked more."""

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
class Likeness:
    """Wrong answers, each with the mistakes that give it; `compared` counts the wrong answers by operation."""

    compared: Counter[str] = field(default_factory=Counter)
    _found: dict[str, list[Mistake]] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, failed: Iterable[Judged], call_of: Callable[[Judged], Call], seconds: float = SECONDS) -> Likeness:
        """Those of small cases, as long as there is time."""
        likeness, until = cls(), time.monotonic() + seconds
        for judged in failed:
            small = judged.vector.case.multiply_adds <= MOST_ROUNDED
            if judged.answer is not None and small and time.monotonic() < until:
                likeness._add(judged, call_of(judged))
        return likeness

    def lines(self, judged: Judged) -> list[str]:
        """What is said of it: the mistakes that explain most other answers too come first."""
        operation = judged.vector.operation
        found = sorted(
            self._found.get(judged.vector.file, ()), key=lambda mistake: -self._counts[operation, mistake.name]
        )
        return [
            f"matches *{mistake.name}*, as do {self._counts[operation, mistake.name]} of {self.compared[operation]} "
            f"wrong answers of {operation} that were compared: {mistake.does} {mistake.right}"
            for mistake in found[:_MOST_NAMED]
        ]

    def _add(self, judged: Judged, call: Call) -> None:
        found = mistakes_like(call, judged.answer, None if judged.vector.is_integer else rounding_room(call))
        self._found[judged.vector.file] = found
        self.compared[call.operation] += 1
        self._counts.update((call.operation, mistake.name) for mistake in found)


def mistakes_like(call: Call, answer: Any, room: np.ndarray | None) -> list[Mistake]:
    """The mistakes that answer the call so, to the bit or within `room`."""
    known = (mistake for mistake in MISTAKES if call.operation in mistake.operations)
    return [mistake for mistake in known if same_answers(answer, _answer(mistake, call), room)]


def _answer(mistake: Mistake, call: Call) -> Any:
    try:
        with np.errstate(all="ignore"):
            return call.with_arrays(np.copy).run(mistake.backend())
    except Exception:  # some mistakes refuse a call, whichever way
        return None
