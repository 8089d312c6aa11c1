"""Threads of NumPy's matrix products, in processes that judge and in those of kernels in NumPy.

A thread that waits for its part of a product spins. Where two processes on two processors have two threads each, a
product takes six times as long as on one thread, measured.
"""

from __future__ import annotations

import json
import os

from ...backends import environments

# The libraries below NumPy read these when it is imported.
_OPENBLAS, _INSTEAD = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"
_VARIABLES = (_OPENBLAS, _INSTEAD, "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_FORMER = "REFERENCE_IMPL_FORMER_THREADS"


def shared_by(judges: int) -> dict[str, str]:
    """Return the variables that give each of so many processes its part of the processors.

    Each process calls `restore` before it starts a backend.
    """
    threads = part_of(judges)
    former = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**dict.fromkeys(_VARIABLES, threads), _FORMER: json.dumps(former)}


def part_of(processes: int) -> str:
    """Return the number of threads that each of so many processes has, if they share the processors."""
    return str(max((os.cpu_count() or 1) // max(processes, 1), 1))


def restore() -> str | None:
    """Give this process the variables back that it would have without us, as backends inherit them.

    Return the number of threads that it was given; None if it was given none.
    """
    former = os.environ.pop(_FORMER, None)
    if former is None:
        return None
    given = os.environ.get(_OPENBLAS)
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(json.loads(former))
    return given


def for_kernel(name: str, threads: str | None) -> dict[str, str]:
    """Return the variable that gives a kernel in NumPy so many threads; none if it is set, or if no kernel reads it.

    Only matrix products of NumPy follow it. A kernel that splits its work itself still has two threads or more.
    """
    of_threads = environments.declared(name).get("threads-1")
    reads = of_threads is not None and _OPENBLAS in of_threads.variables
    is_set = {_OPENBLAS, _INSTEAD} & {*os.environ, *environments.variables_of(name)}
    return {_OPENBLAS: threads} if threads and reads and not is_set else {}
