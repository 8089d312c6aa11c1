"""A kernel in CUDA, called through ctypes: `conv2d-reference verify --backend examples/cuda/cuda_backend.py:BACKEND`.

It needs nvcc, and an NVIDIA GPU. It is compiled when the file is loaded, into a temporary folder.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch

from reference_impl.conformance import Capabilities, torch_style

SOURCE = Path(__file__).with_name("conv2d.cu")


class Geometry(ctypes.Structure):
    """`struct Geometry` of the source."""

    _fields_ = [(name, ctypes.c_int) for name in ("batch", "groups", "group_inputs", "group_outputs")] + [
        (name, ctypes.c_int * 2) for name in ("input", "kernel", "output", "stride", "padding", "dilation")
    ]


def compiled(source: Path) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "conv2d.so"
        subprocess.run(["nvcc", "-shared", "-Xcompiler", "-fPIC", source, "-o", library], check=True)
        return ctypes.CDLL(str(library))  # stays loaded when the file is gone


LIBRARY = compiled(SOURCE)


def conv2d(input, filters, output, stride, padding, dilation, groups):
    """Write the convolution to `output`, which has the right shape."""
    sizes = input.shape[0], groups, filters.shape[1], filters.shape[0] // groups
    pairs = input.shape[2:], filters.shape[2:], output.shape[2:], stride, padding, dilation
    geometry = Geometry(*sizes, *((ctypes.c_int * 2)(*pair) for pair in pairs))
    arrays = input.contiguous(), filters.contiguous(), output
    error = LIBRARY.conv2d(geometry, *(ctypes.c_void_p(array.data_ptr()) for array in arrays))
    if error:
        raise RuntimeError(f"CUDA reported error {error}")


BACKEND = torch_style(
    conv2d,
    out="output",
    device="cuda",
    name="cuda",
    version=torch.version.cuda or "unversioned",
    capabilities=Capabilities(
        operations=("conv2d",),
        dtypes=("float32",),
        unclaimed={"refuses_invalid_calls": "its callers check the arguments"},
    ),
)
