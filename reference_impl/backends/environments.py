"""Environments: named sets of variables that a framework, or a library below it, reads when it is loaded.

A backend is asked for in one by a name after an @: "torch:autograd@avx2". The names stand here, and not in the
adapters, as variables must be set before a framework is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from . import cpu

ANY = "*"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Environment:
    """A named set of variables.

    Parameters
    ----------
    name : as it stands after the @
    variables : by name, the values
    does : what they change, in plain English
    needs : flags of the CPU, as Linux names them, without which the variables change nothing
    processors : the number of processors without which the variables change nothing
    """

    name: str
    variables: Mapping[str, str]
    does: str
    needs: frozenset[str] = frozenset()
    processors: int = 1

    def missing(self, flags: Collection[str] | None = None, processors: int | None = None) -> str | None:
        """Say what this machine lacks, or None if it lacks nothing. On a CPU of unknown flags, nothing is missing."""
        flags = cpu.flags() if flags is None else flags
        processors = len(os.sched_getaffinity(0)) if processors is None else processors
        if flags and self.needs - set(flags):
            return f"this CPU lacks {', '.join(sorted(self.needs - set(flags)))}"
        if processors < self.processors:
            return f"there are {processors} processors, and it needs {self.processors}"
        return None


def _onednn(others: Mapping[str, str] | None = None) -> tuple[Environment, ...]:
    return tuple(
        Environment(
            path,
            {"ONEDNN_MAX_CPU_ISA": path.upper(), **(others or {})},
            f"oneDNN's code path {path.upper()}",
            cpu.flags_for(path),
        )
        for path in cpu.PATHS
    )


_AVX2 = frozenset({"avx2", "fma"})
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})


def _aten() -> tuple[Environment, ...]:
    needs = {"default": frozenset[str](), "avx2": _AVX2, "avx512": _AVX512}
    return tuple(
        Environment(f"aten-{word}", {"ATEN_CPU_CAPABILITY": word}, f"ATen's own kernels for {word}", flags)
        for word, flags in needs.items()
    )


def _xla() -> tuple[Environment, ...]:
    needs = {
        "SSE4_2": frozenset({"sse4_2"}),
        "AVX": frozenset({"avx"}),
        "AVX2": _AVX2,
        "AVX512": _AVX512,
        "AVX512_VNNI": _AVX512 | {"avx512_vnni"},
        "AVX512_BF16": _AVX512 | {"avx512_vnni", "avx512_bf16"},
        "AMX": _AVX512 | {"avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "amx_tile"},
        "AMX_FP16": _AVX512 | {"avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "amx_tile", "amx_fp16"},
    }
    return tuple(
        Environment(
            f"xla-{isa.lower()}", {"XLA_FLAGS": f"--xla_cpu_max_isa={isa}"}, f"XLA compiles for {isa} at most", flags
        )
        for isa, flags in needs.items()
    )


def _openblas() -> tuple[Environment, ...]:
    needs = {
        "prescott": frozenset({"pni"}),
        "nehalem": frozenset({"sse4_2"}),
        "sandybridge": frozenset({"avx"}),
        "haswell": _AVX2,
        "skylakex": _AVX512,
    }
    return tuple(
        Environment(f"openblas-{core}", {"OPENBLAS_CORETYPE": core.upper()}, f"OpenBLAS's kernels for {core}", flags)
        for core, flags in needs.items()
    )


def _threads(*names: str, others: Mapping[str, str] | None = None, most: int = 1 << 20) -> tuple[Environment, ...]:
    """1, 2 and 4 threads. `most` of them are possible on one processor each."""
    return tuple(
        Environment(
            f"threads-{count}",
            {**dict.fromkeys(names, str(count)), **(others or {})},
            f"{count} thread{'s' if count > 1 else ''}",
            processors=count if count > most else 1,
        )
        for count in (1, 2, 4)
    )


# On Linux, TensorFlow uses oneDNN by itself on CPUs with AVX-512 VNNI, AVX VNNI, AVX-512 BF16 or AMX alone:
# DefaultOneDnnPolicy in tensorflow/core/util/util.cc.
_ONEDNN_ON = {"TF_ENABLE_ONEDNN_OPTS": "1"}
_ONEDNN_OR_NOT = (
    Environment("onednn-on", _ONEDNN_ON, "oneDNN's kernels, on a CPU on which TensorFlow leaves them off"),
    Environment("onednn-off", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "TensorFlow's own kernels, without oneDNN"),
)
_MALLOC = (Environment("malloc-perturb", {"MALLOC_PERTURB_": "165"}, "glibc fills memory with a pattern (165)"),)
# OpenBLAS takes no more threads than there are processors.
_NUMPY = (*_openblas(), *_threads("OPENBLAS_NUM_THREADS", most=1), *_MALLOC)
# MKL, which torch asks for the number of threads, takes no more than there are processors unless it is told otherwise.
_TORCH = (
    *_onednn(),
    *_aten(),
    *_threads("OMP_NUM_THREADS", "MKL_NUM_THREADS", others={"MKL_DYNAMIC": "FALSE"}),
    *_MALLOC,
)
_XLA = (*_xla(), *_threads("NPROC"), *_MALLOC)
_TENSORFLOW = (*_onednn(_ONEDNN_ON), *_ONEDNN_OR_NOT, *_xla(), *_threads("TF_NUM_INTRAOP_THREADS"), *_MALLOC)
# For everybody else, each library's own variable.
_OTHERS = (
    *_threads("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *_MALLOC,
)
_OF: dict[str, tuple[Environment, ...]] = {
    "reference": _NUMPY,
    "definition": _NUMPY,
    "minimal": _NUMPY,
    "autograd": _NUMPY,
    "onnx": _NUMPY,
    "tensorflow": _TENSORFLOW,
    "torch": _TORCH,
    "jax": _XLA,
    "openvino": (*_onednn(), *_MALLOC),
    # These read no variable for their number of threads.
    "onnxruntime": _MALLOC,
    "mlx": _MALLOC,
    "scipy": _MALLOC,
    "tinygrad": _MALLOC,
}


def declared(backend: str) -> dict[str, Environment]:
    """Return the environments of a backend, by name. `backend` is an adapter, or the name of somebody's own."""
    adapter = split(backend)[0].partition(":")[0]
    if adapter == "keras":
        engine = os.environ.get("KERAS_BACKEND", "tensorflow")
        adapter = "jax" if engine == "numpy" else engine  # its convolutions are JAX's
    return {one.name: one for one in _OF.get(adapter, _OTHERS)}


def split(name: str) -> tuple[str, str]:
    """Split "torch:autograd@avx2" into the backend's name and the environment, which is "" if none is named."""
    backend, _, environment = name.partition("@")
    return backend, environment


def join(backend: str, environment: str) -> str:
    """Return the full name of a backend in an environment, or in none if `environment` is ""."""
    return f"{backend}@{environment}" if environment else backend


def variables_of(name: str) -> dict[str, str]:
    """Return the variables that the environment of this full name sets; none if it names no environment.

    Raises ValueError if the environment is unknown.
    """
    found: dict[str, str] = {}
    for one in _parts(name):
        for variable, value in one.variables.items():
            if found.get(variable, value) != value:
                said = f"an environment must set each variable once; {name!r} sets {variable} to {found[variable]!r}"
                raise ValueError(f"{said} and to {value!r}")
            found[variable] = value
    return found


def not_here(name: str) -> str | None:
    """Return why this machine cannot run a backend in the environment of this full name, or None if it can."""
    return next((reason for one in _parts(name) if (reason := one.missing()) is not None), None)


def check_set(name: str) -> None:
    """Raise ValueError unless the variables of this full name are set in this process."""
    unset = [f"{one}={value}" for one, value in variables_of(name).items() if os.environ.get(one) != value]
    if unset:
        raise ValueError(
            f"{name} needs a process of its own, as libraries read {', '.join(unset)} when they are loaded: "
            "run it isolated (without --no-isolation or --processes 0), or set this before Python starts"
        )


def names_for(backend: str) -> list[str]:
    """Return the names of a backend's environments, with "" for none first."""
    return ["", *declared(backend)]


def _parts(name: str) -> list[Environment]:
    """The environments that a full name combines: "torch@avx2,OMP_NUM_THREADS=1" has two."""
    backend, environment = split(name)
    if not environment:
        if name.endswith("@"):
            raise ValueError(f"an environment must follow the @ of {name!r}: {_known(backend)}")
        return []
    return [_named(part, backend, name) for part in environment.split(",")]


def _named(part: str, backend: str, name: str) -> Environment:
    known = declared(backend)
    if part in known:
        return known[part]
    variable, equals, value = part.partition("=")
    if not equals:
        raise ValueError(f"{backend} has no environment {part!r}; {_known(backend)}")
    if not _VARIABLE.fullmatch(variable):
        raise ValueError(
            f"a variable of an environment must be VAR=VALUE, VAR of letters, digits and _; not {part!r} in {name!r}"
        )
    if "\0" in value:
        raise ValueError(f"the value of a variable must hold no zero byte; that of {variable} in {name!r} does")
    return Environment(part, {variable: value}, f"{variable} is {value}")


def _known(backend: str) -> str:
    return f"it must be one of {', '.join(declared(backend))}, VAR=VALUE, or several of these with commas between"
