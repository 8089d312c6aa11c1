"""The kind of a failure: what `bugs` is told of a record."""

from __future__ import annotations

import re
from functools import lru_cache

from ..bugs.judged_call import CRASH, HANG, PASSED, PRINTING, RACE, REFUSED, WRONG_SHAPE, WRONG_VALUES, JudgedCall
from ..cases.case import Case
from ..run import outcome
from ..run.judge import DECLARES, PRINTS_NOTHING
from ..run.outcome import Record
from ..verdicts.races import is_race

# The checks of the plain answer. Those of other checks are grouped apart, as they run on some of the calls only.
PLAIN = ("shape_and_dtype", "exact", DECLARES)
# Checks that make the plain call again, on other numbers or to compare bits. To die of one is to die of the plain call.
LIKE_PLAIN = ("inputs_unchanged", "repeatable", "remembers_nothing", "rounded", "zero_sums", "wide_sums", "bias")

_case = lru_cache(8192)(Case.parse)


def judged_call(record: Record, check: str) -> JudgedCall:
    came = kind_of(record)
    said = error_of(record.message or "") if came == REFUSED else None
    return JudgedCall(record.backend, record.operation, _case(record.case), came, check=check, diagnosis=said)


def kind_of(record: Record) -> str:
    message = record.message or ""
    if record.outcome in (outcome.PASS, outcome.MISTRUSTED):
        return PASSED
    if record.outcome == outcome.CRASHED:
        return HANG if "no answer within" in message else CRASH
    if record.outcome == outcome.REFUSED or record.check == DECLARES:
        return REFUSED
    if message.startswith(("the answer's shape", "the answer's dtype", "the answer must be a NumPy array")):
        return WRONG_SHAPE
    if record.check == PRINTS_NOTHING:
        return PRINTING
    return RACE if is_race(message) else WRONG_VALUES


def error_of(message: str) -> str:
    """Return the first line of an error without its numbers, and without the place: one cause, one text."""
    first = re.sub(r" \([^()]*, line \d+[^()]*\)$", "", (message.splitlines() or [""])[0])
    return re.sub(r"\d+", "#", first)[:200]
