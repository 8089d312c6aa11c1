"""Ask a subject for its passport, in processes of its own: one, and one for each number of threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial

from ..backends import environments, registry
from ..backends.promises import PROMISES
from ..cases.case import Case
from ..operations import OPERATIONS
from ..run.processes.asking import BackendProcess
from ..run.subject import Subject, process_for, process_of
from .element import Ask
from .invariance import MakeOnThreads
from .telling import Passport, cases_of, invariance_cases_of, passport


def asker(subject: Subject) -> Ask:
    """Ask a backend several calls: all at once, if it is in a process of its own."""
    if subject.is_apart:
        return lambda calls: subject.backend.make_together(list(calls), 1)
    return lambda calls: [call.run(subject.backend) for call in calls]


class ThreadProcesses:
    """Processes of backends with a number of threads each. All routes of a framework share them."""

    def __init__(self) -> None:
        self._processes: dict[str, BackendProcess] = {}
        self._asks: dict[str, Ask] = {}

    def asked(self, name: str, count: int) -> Ask | None:
        """Return how to ask a backend that has so many threads. None if nothing sets their number."""
        backend, environment = environments.split(name)
        threads = environments.declared(name).get(f"threads-{count}")
        if threads is None or threads.missing() or not _can_be_loaded(name):
            return None
        within = environments.join(backend, ",".join(filter(None, (environment, threads.name))))
        if within not in self._asks:
            held = process_of(within)
            if held not in self._processes:
                self._processes[held] = process_for(held)
            self._asks[within] = asker(Subject.load(within, self._processes[held]))
        return self._asks[within]

    def close(self) -> None:
        for process in self._processes.values():
            process.close()


@contextlib.contextmanager
def on_threads(subject: Subject) -> Iterator[MakeOnThreads]:
    """Give a function that makes a process of the backend with so many threads."""
    with contextlib.closing(ThreadProcesses()) as processes:
        yield partial(processes.asked, subject.argument or subject.name)


def _can_be_loaded(name: str) -> bool:
    return registry.adapter_of(name) is not None or name in registry.declared() or ":" in name


def of_subject(
    subject: Subject,
    dtype: str,
    make: MakeOnThreads,
    operations: Sequence[str] = OPERATIONS,
    cases: Sequence[Case] | None = None,
    promises: Sequence[str] = tuple(PROMISES),
) -> Passport:
    """Ask a backend for its passport in one dtype. Operations and cases that it does not support are left out.

    Without `cases`, telling ones are taken, and changes with the number of channels are searched.
    """
    offered = [operation for operation in operations if operation in subject.capabilities.operations]
    told = cases_of(dtype, offered, cases)
    large = invariance_cases_of(dtype, offered)
    supported = subject.capabilities.supported
    for operation in offered:
        told[operation] = supported(operation, told[operation])
        large[operation] = supported(operation, large[operation])
    return passport(
        asker(subject),
        told,
        large,
        dtype,
        make,
        name=subject.name,
        version=subject.version,
        promises=promises,
        offers=None if cases else lambda operation, case: bool(supported(operation, [case])),
    )


def cpu_name() -> str:
    """The CPU, as Linux names it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} processors"
    return f"unknown, {os.cpu_count()} processors"
