"""Races: the same call is made several times, and only some of its answers are wrong.

Where the sums are exact, a right kernel has one answer. If a kernel is wrong with probability p at each call, it passes
n calls, each made k times, with probability (1 - p)^(n * k).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .agreement import Disagreement
from .bits import same_bytes
from .trial import Trial

# Further calls that tell the share of wrong answers, once two answers differ.
MORE, SECONDS_FOR_MORE = 20, 10.0
_RACE, _BEFORE = "race: ", "it may depend on the calls before"


def assert_no_race(trial: Trial, again: Sequence[np.ndarray]) -> None:
    """Require that the first answer and those `again` are all right, or all wrong with the same bits.

    If they are not, ask MORE times, and say how many answers are wrong. A kernel that writes to its arguments is not
    judged: it was asked different things.
    """
    if same_bits([trial.answer, *again]) or trial.wrote_to_arguments:
        return
    more, _ = trial.ask_repeatedly(MORE, SECONDS_FOR_MORE)
    answers = [trial.answer, *again, *more]
    errors = [_error(trial, answer) for answer in answers]
    wrong = [place for place, error in enumerate(errors) if error is not None]
    if not wrong or trial.wrote_to_arguments:
        return
    first = errors[wrong[0]]
    assert first is not None
    raise Disagreement(
        f"{_RACE}{_share(wrong, len(answers))}; the first wrong one is answer {wrong[0] + 1}: {first}",
        first.ratio,
        first.diagnosis,
        first.difference,
    )


def is_race(message: str) -> bool:
    """True if this is the message of a race that the calls before do not explain."""
    return message.startswith(_RACE) and _BEFORE not in message


def same_bits(answers: Sequence[np.ndarray]) -> bool:
    """True if all answers are the same array, to the bit."""
    first = answers[0]
    return all(_alike(answer, first) for answer in answers[1:])


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return type(one) is type(other)
    return one.shape == other.shape and one.dtype == other.dtype and same_bytes(one, other)


def _error(trial: Trial, answer: np.ndarray) -> Disagreement | None:
    try:
        trial.require_exact(answer, trial.task)
    except Disagreement as error:
        return error
    return None


def _share(wrong: Sequence[int], count: int) -> str:
    """Say how many answers are wrong. If the order of the calls explains it, say that."""
    said = f"{len(wrong)} of {count} answers to the same call {'is' if len(wrong) == 1 else 'are'} wrong"
    if len(wrong) == count:
        return f"{said}, and they differ"
    if wrong == list(range(len(wrong))):
        return f"{said}, and these came first: {_BEFORE}"
    if wrong == list(range(count - len(wrong), count)):
        return f"{said}, and these came last: {_BEFORE}"
    return said
