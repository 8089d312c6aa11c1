"""The CPU's instructions, and the best code path of oneDNN for them: known failures depend on it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

# oneDNN's code paths on x86-64, from the least to the best, with the flags that each needs beside those before it:
# https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html
_PATHS = {
    "sse41": {"sse4_1"},
    "avx": {"avx"},
    "avx2": {"avx2"},
    "avx512_core": {"avx512f", "avx512bw", "avx512vl", "avx512dq"},
    "avx512_core_vnni": {"avx512_vnni"},
    "avx512_core_bf16": {"avx512_bf16"},
    "avx512_core_fp16": {"avx512_fp16"},
    "avx512_core_amx": {"amx_tile", "amx_int8", "amx_bf16"},
    "avx512_core_amx_fp16": {"amx_fp16"},
}
# Set before a framework is loaded, each of these limits the path.
_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")


@cache
def flags() -> frozenset[str]:
    """The flags of the CPU as Linux names them; none elsewhere."""
    try:
        found = re.search(r"^flags\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        return frozenset()
    return frozenset(found.group(1).split()) if found else frozenset()


def onednn_path(there: Collection[str] | None = None, limit: str | None = None) -> str:
    """The best code path of oneDNN on a CPU with these flags, and under this limit; by default here. "" if unknown."""
    there = flags() if there is None else there
    limit = next((os.environ[name] for name in _LIMITS if name in os.environ), "") if limit is None else limit
    best = ""
    for name, needs in _PATHS.items():
        if not needs <= set(there):
            break
        best = name
        if name == limit.lower():
            break
    return best


def at_least(path: str, least: str) -> bool:
    """True if a code path is `least` or a better one."""
    names = list(_PATHS)
    return path in names and names.index(path) >= names.index(least)
