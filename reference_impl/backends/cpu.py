"""The CPU's instructions, and the best code path of oneDNN for them: known failures depend on it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

_AVX512 = {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
_BF16 = _AVX512 | {"avx512_vnni", "avx512_bf16"}
_FP16 = _BF16 | {"avx512_fp16"}
_AMX = _FP16 | {"amx_tile", "amx_int8", "amx_bf16"}
# oneDNN's code paths on x86-64, from the least to the best, each with the flags that it needs:
# https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html
PATHS: dict[str, set[str]] = {
    "sse41": {"sse4_1"},
    "avx": {"avx"},
    "avx2": {"avx2"},
    "avx2_vnni": {"avx2", "avx_vnni"},
    "avx2_vnni_2": {"avx2", "avx_vnni", "avx_vnni_int8", "avx_ne_convert"},
    "avx512_core": _AVX512,
    "avx512_core_vnni": _AVX512 | {"avx512_vnni"},
    "avx512_core_bf16": _BF16,
    "avx512_core_fp16": _FP16,
    "avx512_core_amx": _AMX,
    "avx512_core_amx_fp16": _AMX | {"amx_fp16"},
}
# Other names of a path, as a limit.
_ALIASES = {
    "avx10_1_512": "avx512_core_fp16",
    "avx10_1_512_amx": "avx512_core_amx",
    "avx10_1_512_amx_fp16": "avx512_core_amx_fp16",
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


def flags_for(path: str) -> frozenset[str]:
    """The flags that a code path of oneDNN needs."""
    return frozenset(PATHS[path])


def onednn_path(there: Collection[str] | None = None, limit: str | None = None) -> str:
    """The best code path of oneDNN on a CPU with these flags, and under this limit; by default here. "" if unknown."""
    there = set(flags() if there is None else there)
    limit = next((os.environ[name] for name in _LIMITS if name in os.environ), "") if limit is None else limit
    limit = _ALIASES.get(limit.lower(), limit.lower())
    names = list(PATHS)
    allowed = names[: names.index(limit) + 1] if limit in names else names
    return next((name for name in reversed(allowed) if PATHS[name] <= there), "")


def at_least(path: str, least: str) -> bool:
    """True if a code path is `least` or a better one."""
    names = list(PATHS)
    return path in names and names.index(path) >= names.index(least)
