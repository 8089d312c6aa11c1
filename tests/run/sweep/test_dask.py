"""A sweep on Dask: a scheduler and two workers as separate processes, one of which is killed on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from run.sweep.small_chunks import SCOPE, Broken, children, opened, results, setting

from reference_impl.run.processes.worker import Raised
from reference_impl.run.sweep.dask import OnDask
from reference_impl.run.sweep.driver import jobs_left, stored
from reference_impl.run.sweep.engine import EngineError, Here
from reference_impl.run.sweep.jobs import Answer, Job

WRONG = "planted:Flipped"
QUIET = {"DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def started(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env={**os.environ, **QUIET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "Dask did not start"
        time.sleep(0.1)
    return found


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler, and the processes of its two workers."""
    file = tmp_path / "scheduler.json"
    local = "--host", "127.0.0.1"
    scheduler = started("scheduler", *local, "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    workers = []
    try:
        wait_for(lambda: file.exists() and file.stat().st_size)
        address = json.loads(file.read_text())["address"]
        worker = "worker", address, *local, "--nthreads", "1", "--no-nanny", "--no-dashboard"
        workers += [started(*worker, "--local-directory", str(tmp_path / str(number))) for number in range(2)]
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_sweep_goes_on_when_a_worker_is_killed_and_agrees_with_one_of_this_machine(cluster):
    address, workers = cluster
    engine = OnDask(setting(WRONG), address)
    wait_for(lambda: engine.processes == 2)
    killed = []
    judges = []
    try:
        with opened(None, WRONG) as store:
            for number, answer in enumerate(stored(store, engine.answers(jobs_left(store, SCOPE, (WRONG,))))):
                assert isinstance(answer, Answer)
                if number == 6:
                    judges += children(workers[0].pid, "chunk_process")
                    os.kill(workers[0].pid, signal.SIGKILL)
                    killed.append(workers[0].wait())
            found = results(store, WRONG)
        assert engine.processes == 1
    finally:
        engine.close()
    assert killed == [-signal.SIGKILL]
    assert judges
    assert found == here()
    wait_for(lambda: not children(workers[1].pid, "chunk_process"))


def here():
    engine = Here(setting(WRONG), 2)
    try:
        with opened(None, WRONG) as store:
            list(stored(store, engine.answers(jobs_left(store, SCOPE, (WRONG,)))))
            return results(store, WRONG)
    finally:
        engine.close()


def test_error_of_ours_on_a_worker_ends_the_sweep(cluster):
    address, _ = cluster
    engine = OnDask(replace(setting(WRONG), scope=Broken()), address)
    try:
        with pytest.raises(Raised, match="RuntimeError: no such chunk today"):
            list(engine.answers(iter([Job(0, (WRONG,))])))
    finally:
        engine.close()


def test_address_without_a_scheduler_is_told(monkeypatch):
    monkeypatch.setattr("reference_impl.run.sweep.dask._CONNECT_SECONDS", 0.5)
    with pytest.raises(EngineError, match=re.escape("no Dask scheduler answers at tcp://127.0.0.1:1: start one")):
        OnDask(setting(WRONG), "tcp://127.0.0.1:1")


def test_sweep_without_workers_ends(cluster, monkeypatch):
    monkeypatch.setattr("reference_impl.run.sweep.dask._SECONDS_ALONE", 1.0)
    address, workers = cluster
    for worker in workers:
        worker.kill()
        worker.wait()
    engine = OnDask(setting(WRONG), address)
    wait_for(lambda: engine.processes == 0)
    try:
        with opened(None, WRONG) as store, pytest.raises(EngineError, match="has had no worker for 1 s"):
            list(engine.answers(jobs_left(store, SCOPE, (WRONG,))))
    finally:
        engine.close()
