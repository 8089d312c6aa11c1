"""The packages, programs, GPUs and CPUs that tests need, by the name in their mark `framework(name)`."""

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
        path, names = cpu.onednn_path(), name.removeprefix(_CPU).split(" and without ")
        least, *without = [cpu.at_least(path, _PATHS[words]) for words in names]
        return least and not any(without)
    return importlib.util.find_spec(name) is not None
