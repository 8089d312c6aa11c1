"""Ask a subject for its passport, in processes of its own: one, and one for each number of threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from ..backends import environments, registry
from ..backends.promises import PROMISES
from ..cases.case import Case
from ..operations import OPERATIONS
from ..run.processes.asking import BackendProcess
from ..run.subject import Subject, process_for
from .element import Ask
from .invariance import MakeOnThreads
from .telling import Passport, cases_of, invariance_cases_of, passport


def asker(subject: Subject) -> Ask:
    """Ask a backend several calls: all at once, if it is in a process of its own."""
    if subject.is_apart:
        return lambda calls: subject.backend.make_together(list(calls), 1)
    return lambda calls: [call.run(subject.backend) for call in calls]


@contextlib.contextmanager
def on_threads(subject: Subject) -> Iterator[MakeOnThreads]:
    """Give a function that makes a process of the backend with so many threads."""
    processes: dict[int, tuple[BackendProcess, Ask]] = {}
    name = subject.argument or subject.name
    backend, environment = environments.split(name)

    def make(count: int) -> Ask | None:
        threads = environments.declared(name).get(f"threads-{count}")
        if threads is None or threads.missing() or not _can_be_loaded(name):
            return None
        if count not in processes:
            within = environments.join(backend, ",".join(filter(None, (environment, threads.name))))
            process = process_for(within)
            processes[count] = process, asker(Subject.load(within, process))
        return processes[count][1]

    try:
        yield make
    finally:
        for process, _ in processes.values():
            process.close()


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
