"""The arithmetic of the Triton kernel, by Triton's interpreter: right, and seen to be wrong when it is spoilt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "triton_kernel.py"
CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,2,0,1", "n1_h5w4c2_k3x2o17_d1x2_SAME_float64"]


@pytest.fixture
def verify(tmp_path):
    def verify(source):
        (tmp_path / "kernel.py").write_text(source)
        words = [word for case in CASES for word in ("--cases", case)]
        environment = {**os.environ, "TRITON_INTERPRET": "1"}
        path = [str(tmp_path), *filter(None, sys.path)]
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "reference_impl",
                "verify",
                "--backend",
                "kernel:BACKEND",
                "--check",
                "exact",
                *words,
            ],
            env={**environment, "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True,
            text=True,
        )

    return verify


def test_kernel_passes(verify):
    result = verify(EXAMPLE.read_text())
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 cases, 1 backend, seed 0, 2 of 2 calls judged: nothing failed unexpectedly" in result.stdout


def test_kernel_that_takes_one_dilation_for_the_other_is_caught(verify):
    right = "tap % kernel_width * dilation_width"
    assert right in EXAMPLE.read_text()
    result = verify(EXAMPLE.read_text().replace(right, "tap % kernel_width * dilation_height"))
    assert result.returncode == 1, result.stdout + result.stderr
    assert f": conv2d on {CASES[1]}" in result.stdout
    assert "2 cases, 1 backend, seed 0, 2 of 2 calls judged: 1 failed unexpectedly" in result.stdout
