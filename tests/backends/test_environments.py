"""Environments: their names, their variables, and what this machine lacks for one."""

from __future__ import annotations

import re

import pytest

from reference_impl.backends import environments, registry

AVX2 = {"sse4_1", "sse4_2", "avx", "avx2", "fma"}
BF16 = AVX2 | {"avx512f", "avx512bw", "avx512cd", "avx512vl", "avx512dq", "avx512_vnni", "avx512_bf16"}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("torch", {}),
        ("torch:autograd@avx2", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
        ("tensorflow@onednn-off", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        ("tensorflow@onednn-on", {"TF_ENABLE_ONEDNN_OPTS": "1"}),
        ("tensorflow:tape@avx2", {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}),
        ("torch@aten-default", {"ATEN_CPU_CAPABILITY": "default"}),
        ("jax:jit@xla-avx2", {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}),
        ("tensorflow:xla@threads-2", {"TF_NUM_INTRAOP_THREADS": "2"}),
        ("reference@openblas-prescott", {"OPENBLAS_CORETYPE": "PRESCOTT"}),
        ("mine.kernels:Kernel@OMP_NUM_THREADS=4", {"OMP_NUM_THREADS": "4"}),
        ("mine:Kernel@malloc-perturb", {"MALLOC_PERTURB_": "165"}),
        ("torch@sse41,OMP_NUM_THREADS=1", {"ONEDNN_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "1"}),
        ("jax@XLA_FLAGS=--a=1 --b=2", {"XLA_FLAGS": "--a=1 --b=2"}),
    ],
)
def test_environment_sets_its_variables(name, variables):
    assert environments.variables_of(name) == variables


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "torch@avx3",
            "torch has no environment 'avx3'; it must be one of sse41, avx, .*, VAR=VALUE, or several",
        ),
        ("reference@avx2", "reference has no environment 'avx2'; it must be one of openblas-prescott, .*"),
        ("mine:Kernel@fast", "mine:Kernel has no environment 'fast'; it must be one of threads-1, .*"),
        ("torch@", "an environment must follow the @ of 'torch@': it must be one of sse41, .*"),
        ("torch@avx2,", "torch has no environment ''; .*"),
        ("torch@2X=1", "a variable of an environment must be VAR=VALUE, VAR of letters, digits and _; not '2X=1' .*"),
        ("torch@=1", "a variable of an environment must be VAR=VALUE, .* not '=1' in 'torch@=1'"),
        ("torch@A=1\0", "the value of a variable must hold no zero byte; that of A in .*"),
        (
            "torch@avx2,sse41",
            "an environment must set each variable once; .*MAX_CPU_ISA to 'AVX2' and to 'SSE41'",
        ),
    ],
)
def test_environment_that_is_none_is_refused(name, said):
    with pytest.raises(ValueError, match=re.compile(said)):
        registry.require([name])


@pytest.mark.parametrize("adapter", [*registry.ADAPTERS, "mine:Kernel"])
def test_every_adapter_has_environments_that_set_something(adapter):
    for name, environment in environments.declared(adapter).items():
        assert environments.variables_of(f"{adapter}@{name}") == environment.variables
        assert environment.variables
        assert environment.does


@pytest.mark.parametrize(
    ("name", "flags", "processors", "missing"),
    [
        ("avx2", AVX2, 1, None),
        ("avx512_core", AVX2, 1, "this CPU lacks avx512bw, avx512dq, avx512f, avx512vl"),
        ("avx512_core_bf16", BF16, 1, None),
        ("avx512_core_fp16", BF16, 1, "this CPU lacks avx512_fp16"),
        ("avx512_core_fp16", set(), 1, None),  # a CPU of unknown flags
        ("aten-avx512", AVX2, 1, "this CPU lacks avx512bw, avx512cd, avx512dq, avx512f, avx512vl"),
        ("threads-4", AVX2, 1, None),
    ],
)
def test_what_the_machine_lacks_is_named(name, flags, processors, missing):
    assert environments.declared("torch")[name].missing(flags, processors) == missing


def test_openblas_takes_no_more_threads_than_processors():
    four = environments.declared("reference")["threads-4"]
    assert four.missing(set(), 2) == "there are 2 processors, and it needs 4"
    assert four.missing(set(), 4) is None


def test_star_is_every_environment_and_none():
    names = registry.expand(["reference@*", "definition"])
    assert names == ["reference", *(f"reference@{name}" for name in environments.declared("reference")), "definition"]


def test_star_is_for_every_route_of_all_that_are_named():
    def routes(name):
        assert name in ("torch", "tensorflow@threads-1")
        return [name, *(name.replace(adapter, f"{adapter}:other") for adapter in ("torch", "tensorflow"))][:3]

    names = registry.expand(["torch:*@*", "tensorflow:*@threads-1"], routes)
    assert {"torch", "torch:other", "torch@avx2", "torch:other@avx2", "tensorflow:other@threads-1"} <= set(names)
    assert len(names) == len(set(names))


def test_backend_in_an_environment_is_not_loaded_where_its_variables_are_not_set(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    with pytest.raises(ValueError, match=r"reference@openblas-nehalem needs a process of its own, .*CORETYPE=NEHALEM"):
        registry.load("reference@openblas-nehalem")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "NEHALEM")
    assert registry.load("reference@openblas-nehalem").name == "reference"


@pytest.mark.parametrize("engine", ["tensorflow", "torch", "jax", "numpy"])
def test_environments_of_keras_are_those_of_its_engine(monkeypatch, engine):
    monkeypatch.setenv("KERAS_BACKEND", engine)
    of = {"numpy": "jax"}.get(engine, engine)
    assert environments.declared("keras") == environments.declared(of)
