"""Distinct bugs: from many judged calls to the few causes of their failures, each with its conditions."""

from __future__ import annotations

from .bug import Bug, line, lines, most_telling_first
from .conditions import Condition
from .grouping import Ask, distinct_bugs
from .judged_call import KINDS, PASSED, JudgedCall

__all__ = [
    "KINDS",
    "PASSED",
    "Ask",
    "Bug",
    "Condition",
    "JudgedCall",
    "distinct_bugs",
    "line",
    "lines",
    "most_telling_first",
]
