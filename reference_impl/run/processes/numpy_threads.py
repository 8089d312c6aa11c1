"""Threads of NumPy's matrix products in the processes that judge. A thread that waits for a small product spins."""

from __future__ import annotations

import json
import os

# The libraries below NumPy read these when it is imported.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_FORMER = "REFERENCE_IMPL_FORMER_THREADS"


def shared_by(judges: int) -> dict[str, str]:
    """Return the variables that give each of so many processes its part of the processors.

    Each process calls `restore` before it starts a backend.
    """
    threads = max((os.cpu_count() or 1) // max(judges, 1), 1)
    former = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**dict.fromkeys(_VARIABLES, str(threads)), _FORMER: json.dumps(former)}


def restore() -> None:
    """Give this process the variables back that it would have without us, as backends inherit them."""
    former = os.environ.pop(_FORMER, None)
    if former is None:
        return
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(json.loads(former))
