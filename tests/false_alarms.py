"""Correct kernels, written in other ways, pass 1,000 generated cases each, and the curated ones.

`tox run -e false-alarms`. Not part of the default run, as it takes ten minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from examples.kernels.blocked import Blocked
from examples.kernels.by_conv2d_alone import ByConv2dAlone
from examples.kernels.direct_loops import DirectLoops
from examples.kernels.fft import Fft
from examples.kernels.im2col import Im2col
from examples.kernels.pairwise import Pairwise
from examples.kernels.per_tap import PerTap
from examples.kernels.scipy_correlate import ScipyCorrelate
from examples.kernels.sparse_matrix import SparseMatrix
from examples.kernels.winograd import Winograd

# tests/examples/test_kernels.py takes them from here. Their order gives them their seeds, from 1.
KERNELS = (
    Im2col,
    PerTap,
    Pairwise,
    Blocked,
    SparseMatrix,
    DirectLoops,
    ByConv2dAlone,
    ScipyCorrelate,
    Fft,
    Winograd,
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_correct_kernel_passes(kernel, request):
    verify = [sys.executable, "-m", "reference_impl", "verify", "--backend", f"{kernel.__module__}:{kernel.__name__}"]
    seed = str(KERNELS.index(kernel) + 1)
    run = subprocess.run(
        [*verify, "--cases", "curated", "--dtype", "float32", "--examples", "1000", "--seed", seed],
        cwd=request.config.rootpath,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # the products are small: more threads make them slower
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
