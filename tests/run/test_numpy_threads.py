"""Judges share the processors, and backends are given the environment that they would have without that."""

from __future__ import annotations

import os

import pytest

from reference_impl.run.processes import numpy_threads
from reference_impl.run.processes.judge_process import Subjects
from reference_impl.run.subject import load

NAMES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

TELLS = """
import os
import planted

class Tells(planted.Right):
    version = f"{os.environ['OPENBLAS_NUM_THREADS']} threads"
"""


@pytest.mark.parametrize(("judges", "threads"), [(1, "4"), (2, "2"), (3, "1"), (8, "1")])
def test_each_judge_is_given_its_part_of_the_processors(judges, threads, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    given = numpy_threads.shared_by(judges)
    assert {name: given[name] for name in NAMES} == dict.fromkeys(NAMES, threads)


@pytest.mark.parametrize("former", [None, "3"])
def test_a_judge_gives_backends_the_variables_that_it_would_have_without_us(former, monkeypatch):
    environment = {"PATH": "here"} | ({} if former is None else {"OMP_NUM_THREADS": former})
    monkeypatch.setattr(os, "environ", dict(environment))
    os.environ.update(numpy_threads.shared_by(2))
    assert numpy_threads.restore() is not None
    assert os.environ == environment


@pytest.mark.parametrize(
    ("name", "environment", "given"),
    [
        ("mine.py:Kernel", {}, {"OPENBLAS_NUM_THREADS": "1"}),
        ("reference", {}, {"OPENBLAS_NUM_THREADS": "1"}),
        ("torch", {}, {}),
        ("mlx", {}, {}),
        ("mine.py:Kernel", {"OMP_NUM_THREADS": "2"}, {}),
        ("mine.py:Kernel@threads-4", {}, {}),
        ("mine.py:Kernel@OPENBLAS_NUM_THREADS=4", {}, {}),
        ("mine.py:Kernel@malloc-perturb", {}, {"OPENBLAS_NUM_THREADS": "1"}),
    ],
)
def test_kernel_in_numpy_is_given_its_part_unless_somebody_chose(name, environment, given, monkeypatch):
    monkeypatch.setattr(os, "environ", environment)
    assert numpy_threads.for_kernel(name, "1") == given


def test_kernel_is_started_with_its_part_of_the_processors(tmp_path, monkeypatch, request):
    (tmp_path / "tells.py").write_text(TELLS)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    name = f"{tmp_path / 'tells.py'}:Tells"
    assert Subjects([name], 5, "3")(name).version == "3 threads"


def test_run_loads_a_kernel_with_its_part_of_the_processors(tmp_path, monkeypatch, request):
    (tmp_path / "tells.py").write_text(TELLS)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    (subject,) = load([f"{tmp_path / 'tells.py'}:Tells"], threads="3").subjects
    assert subject.version == "3 threads"
