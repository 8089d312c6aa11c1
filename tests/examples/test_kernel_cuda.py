"""The CUDA kernel: its arithmetic on the CPU, with a loop in place of the grid; and that nvcc compiles it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

FOLDER = Path(__file__).parents[2] / "examples" / "cuda"
CASES = ["n2_h7w9c4_k3x2o6_s2x3_g2_p1,1,1,1", "n1_h6w5c2_k2x3o3_d2x1_p1,1,0,0"]
# Three blocks of four threads, one after the other.
ON_CPU = """
#define __global__
static struct { unsigned x; } gridDim{3}, blockDim{4}, blockIdx{0}, threadIdx{0};
"""
LAUNCH = "convolve<<<(int)(blocks < 1048576 ? blocks : 1048576), 256>>>(g, input, filters, output);"
LOOP = """
    for (blockIdx.x = 0; blockIdx.x < 3; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < 4; ++threadIdx.x) convolve(g, input, filters, output);
"""


def outcomes(folder, source):
    """The outcome of each case, from the kernel compiled for the CPU."""
    for text in (LAUNCH, "return cudaDeviceSynchronize();"):
        assert text in source
    source = source.replace(LAUNCH, LOOP).replace("return cudaDeviceSynchronize();", "return blocks < 0;")
    (folder / "conv2d.cpp").write_text(ON_CPU + source)
    command = ["g++", "-shared", "-fPIC", folder / "conv2d.cpp", "-o", folder / "conv2d.so"]
    subprocess.run(command, check=True, capture_output=True)
    backend = (FOLDER / "cuda_backend.py").read_text()
    backend = backend.replace("compiled(SOURCE)", f'ctypes.CDLL("{folder}/conv2d.so")').replace('"cuda",', '"cpu",')
    (folder / "on_cpu.py").write_text(backend)
    subject = Subject.of(registry.load(f"{folder}/on_cpu.py:BACKEND"))
    exact = [check for check in CHECKS if check.name == "exact"]
    return [record.outcome for case in CASES for record in judge(subject, Case.parse(case), "conv2d", checks=exact)]


@pytest.mark.framework("g++")
def test_arithmetic_of_the_kernel_is_right(tmp_path):
    assert outcomes(tmp_path, (FOLDER / "conv2d.cu").read_text()) == ["pass", "pass"]


@pytest.mark.framework("g++")
def test_kernel_that_takes_one_dilation_for_the_other_is_caught(tmp_path):
    source = (FOLDER / "conv2d.cu").read_text()
    right = "q * g.dilation[1]"
    assert right in source
    assert outcomes(tmp_path, source.replace(right, "q * g.dilation[0]")) == ["pass", "fail"]


@pytest.mark.framework("nvcc")
def test_kernel_compiles(tmp_path):
    subprocess.run(
        ["nvcc", "-shared", "-Xcompiler", "-fPIC", FOLDER / "conv2d.cu", "-o", tmp_path / "k.so"], check=True
    )
