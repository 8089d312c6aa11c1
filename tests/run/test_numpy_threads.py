"""Judges share the processors, and backends are given the environment that they would have without that."""

from __future__ import annotations

import os

import pytest

from reference_impl.run.processes import numpy_threads

NAMES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


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
    numpy_threads.restore()
    assert os.environ == environment
