"""The kernels that ran in a call that failed, where the library names them: oneDNN does, if it is told to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ..verdicts.checks import CHECKS
from . import outcome
from .outcome import Record
from .processes.remote import BackendProcess
from .processes.worker import Died, Raised
from .subject import Subject, process_for

# 2 also names a kernel before it runs, so that one that kills the process is named.
_VERBOSE = {"ONEDNN_VERBOSE": "2", "DNNL_VERBOSE": "2"}
# The primitive and its kernel follow "exec" or "create", and the engine:
# onednn_verbose,v1,primitive,exec,cpu,convolution,jit_1x1:avx2,backward_weights,...
_LINE = re.compile(
    r"^(?:onednn|dnnl)_verbose,(?:.*?,)?(exec|create)(?::[^,]*)?,[^,]*,([^,]+),([^,]*),([^,]*)", re.MULTILINE
)
_OUTCOMES = (outcome.FAIL, outcome.REFUSED, outcome.CRASHED)
_CHECKS = frozenset(check.name for check in CHECKS)
_SECONDS = 60.0


class Implementations:
    """Names the kernels of failing calls. Each call is made again in a process that has the library name them.

    A backend has one such process, from its first failure on. At most `most` calls are made.
    """

    def __init__(self, most: int = 8) -> None:
        self._left = most
        self._processes: dict[str, BackendProcess] = {}

    def added(self, subject: Subject, record: Record) -> Record:
        """Return the record with the kernels that ran, if the library names them."""
        if record.outcome not in _OUTCOMES or record.check not in _CHECKS or not subject.is_apart or not self._left:
            return record
        try:
            if not subject.ask("has_onednn"):
                return record
            self._left -= 1
            return replace(record, implementation=_named(self._lines(subject, record)))
        except (Died, Raised):  # it fails in another way now
            return record

    def _lines(self, subject: Subject, record: Record) -> str:
        name = subject.argument or subject.name
        if name not in self._processes:
            self._processes[name] = process_for(name, environment=_VERBOSE, may_be_forked=False)
        process = self._processes[name]
        process.renew()
        try:
            return process.ask("verbose", name, record.operation, record.case, record.seed, time_limit=_SECONDS)
        except Died as died:
            return died.wrote

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.close()


def _named(lines: str) -> str | None:
    """Name the kernels in oneDNN's lines, each once: those that ran, or that were made for a call that died."""
    found = _LINE.findall(lines)
    ran = [kernel for kernel in found if kernel[0] == "exec"]
    return ", ".join(dict.fromkeys(_said(*kernel[1:]) for kernel in ran or found)) or None


def _said(primitive: str, kernel: str, kind: str) -> str:
    words: Iterable[str] = (primitive, kernel, "" if kind == "undef" else kind)
    return " ".join(filter(None, words))
