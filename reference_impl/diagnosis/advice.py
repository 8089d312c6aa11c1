"""Advice on a failure that may be wanted: the declaration that fits, as code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..backends.protocol import UNCLAIMABLE
from ..bugs import Bug
from ..bugs.as_code import as_code
from ..run import outcome
from ..run.outcome import Record

# Errors of a kernel that went wrong, and did not mean to refuse.
_ACCIDENTS = (
    "AttributeError",
    "IndexError",
    "KeyError",
    "NameError",
    "OverflowError",
    "RecursionError",
    "UnboundLocalError",
    "ZeroDivisionError",
)
# No kernel may leave these unclaimed and be right.
_ALWAYS_CLAIMED = ("shape_and_dtype", "exact", "rounded", "repeatable")
_MOST = 60


def advice(record: Record, bugs: Sequence[Bug], *, all_right: bool) -> list[str]:
    """Return the line that says how to declare the failure: a lack for a clear refusal, or an unclaimed check.

    `all_right` says that plain calls on integers are right.
    """
    kind, _, said = re.sub(r" \([^()]+, line \d+, in [^)]*\)", "", record.message or "").partition(": ")
    if record.outcome == outcome.REFUSED and said.strip() and kind not in _ACCIDENTS:
        codes = [as_code(bug.rule or ()) for bug in bugs if bug.tried and bug.held == bug.tried]
        if codes and all(codes):
            applies = " or ".join(f"({code})" if len(codes) > 1 else str(code) for code in codes)
            reason = json.dumps(said.splitlines()[0][:_MOST])
            return [
                "if it is not meant to take these calls, declare it: "
                f"lacks=(Lack({reason}, lambda operation, case: {applies}),)"
            ]
    robust = record.check in UNCLAIMABLE and record.check not in _ALWAYS_CLAIMED
    if record.outcome == outcome.FAIL and robust and all_right:
        return [f'if it does not promise this, declare it: unclaimed={{"{record.check}": "why"}}']
    return []
