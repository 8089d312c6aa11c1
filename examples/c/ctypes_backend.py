"""A kernel in C, called through ctypes: `conv2d-reference verify --backend examples.c.ctypes_backend:CKernel`.

It is compiled at the first call, into a temporary folder. The variable CC names another compiler than cc.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np

from examples.kernels.kernel import Plan
from reference_impl.conformance import Capabilities

SOURCE = Path(__file__).with_name("conv2d.c")


class Geometry(ctypes.Structure):
    """`struct geometry` of the C source."""

    _fields_ = [(name, ctypes.c_int) for name in ("batch", "input_channels", "output_channels", "groups")] + [
        (name, ctypes.c_int * 2) for name in ("input", "kernel", "output", "strides", "dilations", "before")
    ]


class CKernel:
    """The C kernel as a backend: each operation computes one array from two others. `flags` go to the compiler."""

    name = "c"
    capabilities = Capabilities(dtypes=("float32",))
    flags: tuple[str, ...] = ()

    @cached_property
    def library(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "conv2d.so"
            compiler = os.environ.get("CC", "cc")
            subprocess.run([compiler, "-O2", "-shared", "-fPIC", *self.flags, SOURCE, "-o", path], check=True)
            return ctypes.CDLL(str(path))  # stays loaded when the file is gone

    def conv2d(self, input, filters, **options):
        return self._ask("o", input, filters, None, input.shape, filters.shape, **options)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        return self._ask("i", None, filters, out_backprop, input_sizes, filters.shape, **options)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        return self._ask("f", input, None, out_backprop, input.shape, filter_sizes, **options)

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self._ask("i", None, filters, input, output_shape, filters.shape, **options)

    def _ask(self, asked, input, filters, output, sizes, filter_sizes, *, strides, padding, dilations, groups):
        plan = Plan.of(sizes[1:3], filter_sizes[:2], strides, padding, dilations)
        before = tuple(pad for pad, _ in plan.pads)
        geometry = Geometry(
            *(sizes[0], sizes[3], filter_sizes[3], groups),
            *(plan.sizes, plan.kernel, plan.outputs, plan.strides, plan.dilations, before),
        )
        shapes = sizes, filter_sizes, (sizes[0], *plan.outputs, filter_sizes[3])
        # The kernel reads float32 in C order, and adds to the array that it computes.
        arrays = [
            np.zeros(shape, np.float32) if array is None else np.ascontiguousarray(array, np.float32)
            for array, shape in zip((input, filters, output), shapes)
        ]
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        self.library.convolve(ctypes.c_char(asked.encode()), ctypes.byref(geometry), *pointers)
        return arrays["ifo".index(asked)]
