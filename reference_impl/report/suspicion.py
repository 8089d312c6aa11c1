"""The text of a suspicion: that the oracle is wrong, and no backend. It comes first, and accuses nobody."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cases.case import Case
from ..run.outcome import Record

# So many calls are told in full.
_MOST = 3


def suspicion(suspects: Sequence[Record], failed: int, rerun: Sequence[str]) -> str:
    """Write what a run says if the oracle is suspect.

    `suspects` are the records of the calls that show it, the smallest first; `failed` is the number of all calls that
    failed, and `rerun` are the commands that make the suspect calls again.
    """
    lines = ["The ORACLE is suspect: no backend is accused."]
    for record, command in list(zip(suspects, rerun, strict=True))[:_MOST]:
        first, *more = (record.message or "").splitlines()
        lines += [f"{record.operation} on {record.case}: {first}", *more, f"run it again: {command}"]
    if len(suspects) > _MOST:
        lines.append(f"... and {len(suspects) - _MOST} more calls that show it.")
    lines += [
        f"{failed} calls failed. Believe none of these failures until the oracle is mended.",
        f"machine: {machine()}",
        "next: run `pytest tests/oracle` on this machine, and report what it says with these lines.",
    ]
    return "\n    ".join(lines)


def smallest_first(suspects: Sequence[Record]) -> list[Record]:
    return sorted(suspects, key=lambda record: Case.parse(record.case).multiply_adds)


def machine() -> str:
    """The CPU, and the NumPy and BLAS that compute the oracle."""
    return f"NumPy {np.__version__} with {_blas()}; {_cpu()}"


def _blas() -> str:
    try:
        config: Any = np.show_config(mode="dicts")
        blas = config["Build Dependencies"]["blas"]
        return f"{blas['name']} {blas['version']}"
    except (TypeError, KeyError):  # an older NumPy prints it
        return "an unknown BLAS"


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()
