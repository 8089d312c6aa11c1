"""Machine: the processor, the software and the variables on which the results of a sweep depend."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ... import __version__
from ...backends import cpu

# Variables that frameworks, and libraries below them, read when they are loaded.
_READ = re.compile(
    r"(?!.*(LOG|VERBOSE|TF_CLI))"  # logs change no result, and TF_CLI_... is Terraform's
    r"((ONEDNN|DNNL|MKL|OMP|KMP|GOMP|OPENBLAS|NUMBA|ATEN|TORCH|TF|XLA|JAX|KERAS|MLX|MALLOC)_.*|NPROC|GLIBC_TUNABLES)"
)
# Two machines that differ in nothing else give the same results.
_ONLY_TOLD = ("platform",)


@dataclass(frozen=True)
class Machine:
    """The machine that judges.

    Parameters
    ----------
    package : the version of this package
    cpu : the name of the processor's model
    flags : its flags as Linux names them, sorted, with spaces between
    variables : those of the environment that frameworks read
    """

    package: str
    python: str
    numpy: str
    cpu: str
    flags: str
    variables: Mapping[str, str]
    platform: str

    @classmethod
    def here(cls) -> Machine:
        return cls(
            package=__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            cpu=_model(),
            flags=" ".join(sorted(cpu.flags())),
            variables=variables(),
            platform=platform.platform(),
        )

    def difference(self, other: Machine) -> str | None:
        """Say in which way another machine differs, or None if it gives the same results."""
        for name in (field.name for field in fields(self) if field.name not in _ONLY_TOLD):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine == theirs:
                continue
            if name == "flags":
                differing = sorted(set(mine.split()) ^ set(theirs.split()))
                return f"flags of the CPU: only one of the two has {', '.join(differing)}"
            if name == "variables":
                changed = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
                key = changed[0]
                return f"variable {key}: {mine.get(key, 'not set')} and {theirs.get(key, 'not set')}"
            word = "version of conv2d-reference-impl" if name == "package" else "CPU" if name == "cpu" else name
            return f"{word}: {mine} and {theirs}"
        return None

    def lines(self) -> list[str]:
        """Describe the machine, for a report."""
        path = cpu.onednn_path(self.flags.split(), self.variables.get("ONEDNN_MAX_CPU_ISA", ""))
        said = [
            f"CPU: {self.cpu}" + (f" (best code path of oneDNN: {path})" if path else ""),
            f"Python {self.python}, NumPy {self.numpy}, conv2d-reference-impl {self.package}, {self.platform}",
        ]
        if self.variables:
            said.append("Variables: " + ", ".join(f"{name}={value}" for name, value in sorted(self.variables.items())))
        return said


def variables() -> dict[str, str]:
    """Return the variables of this process that frameworks read."""
    return {name: value for name, value in sorted(os.environ.items()) if _READ.fullmatch(name)}


def set_variables(wanted: Mapping[str, str]) -> None:
    """Set the variables that frameworks read as they are elsewhere. Dask, for one, sets the number of threads."""
    for name in set(variables()) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)


def _model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine() or "unknown"
