"""What a test needs, by the name in its mark `framework(name)`: a package, a program, a GPU or a CPU."""

from __future__ import annotations

import importlib
import importlib.util
import shutil

from reference_impl.backends import cpu

_PROGRAMS = ("chromium", "clang", "g++", "nvcc")
_CPU = "a CPU with "
# The code path of oneDNN that has these instructions. One that is better has them too.
_PATHS = {
    "AVX-512": "avx512_core",
    "AVX-512 BF16": "avx512_core_bf16",
    "AVX-512 FP16": "avx512_core_fp16",
    "AMX": "avx512_core_amx",
}


def is_there(name: str) -> bool:
    """Tell whether a package or program is installed, or torch can use a GPU ("cuda"), or this is such a CPU.

    A CPU is named by its instructions: "a CPU with AVX-512 BF16", "a CPU with AVX-512 and without AMX".
    """
    if name in _PROGRAMS:
        return shutil.which(name) is not None
    if name == "cuda":
        return is_there("torch") and importlib.import_module("torch").cuda.is_available()
    if name.startswith(_CPU):
        least, _, without = name.removeprefix(_CPU).partition(" and without ")
        path = cpu.onednn_path()
        return cpu.at_least(path, _PATHS[least]) and not (without and cpu.at_least(path, _PATHS[without]))
    return importlib.util.find_spec(name) is not None
