"""Suspicion of the oracle: where independent frameworks all give one other answer, it may be the oracle that is wrong.

`verdicts/second_opinion.py` asks the definition, call by call. Here the answers of a whole run are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ..backends import registry
from . import outcome
from .outcome import Record

# Keras computes by another framework, so that its answer is no second one.
_DEPENDENT = ("keras",)
_CHECK = "exact"
# Frameworks that must agree with each other, and none of all that answer with the oracle.
FEWEST = 2


def contradicted(records: Iterable[Record], ours: Iterable[str]) -> list[tuple[Record, Record]]:
    """Pair each record of a call whose answer all frameworks contradict with one that makes the oracle the suspect.

    `ours` are the names of our own backends. At least FEWEST frameworks must have answered on integers, and all that
    did must have given the same answer, which is not the oracle's. Routes of one framework count once.
    """
    calls: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.check == _CHECK and _framework(record) not in {None, *_DEPENDENT, *ours}:
            calls[record.operation, record.case].append(record)
    found = []
    for asked in calls.values():
        answered = [record for record in asked if record.outcome not in _NO_ANSWER]
        answers = {record.answer for record in answered}
        wrong = all(record.outcome == outcome.FAIL for record in answered)
        if wrong and len(answers) == 1 and len({_framework(record) for record in answered}) >= FEWEST:
            found += [(record, _suspecting(record, answered)) for record in answered]
    return found


_NO_ANSWER = (outcome.UNSUPPORTED, outcome.REFUSED, outcome.CRASHED, outcome.SUITE)


def _framework(record: Record) -> str | None:
    """The adapter of ours that asked; None for any other backend."""
    return registry.adapter_of(record.argument or "")


def _suspecting(record: Record, answered: list[Record]) -> Record:
    names = ", ".join(dict.fromkeys(one.backend for one in answered))
    message = (
        f"all that answered give one other answer to this call: {names}. "
        f"The definition agrees with the oracle, so these frameworks may share a fault\n{record.message}"
    )
    return replace(record, outcome=outcome.ORACLE, message=message)
