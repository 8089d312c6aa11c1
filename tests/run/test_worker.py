"""A process of its own survives what a backend does to it: the next job is answered."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference_impl.run.processes.worker import Died, Worker

DEADLY = """
import os, signal, sys, time

class Kernel:
    def conv2d(self, input, filters, *, strides, dilations, groups, padding):
        print("noise on standard output")
        if strides == (0, 1):
            os._exit(0)
        if strides == (-1, 1):
            print("about to crash", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if dilations == (0, 1):
            time.sleep(60)
        raise ValueError("refused")
"""


@pytest.fixture
def worker(tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY)
    with Worker("deadly:Kernel", environment={"PYTHONPATH": str(tmp_path)}) as worker:
        yield worker


def refused(worker):
    return worker.ask("invalid", "deadly:Kernel", "padding-word", "conv2d") == {
        "right": True,
        "said": "ValueError: refused",
    }


@pytest.mark.parametrize(
    ("call", "how"),
    [
        ("stride-zero", "the process exited with status 0, without an answer"),
        ("stride-negative", r"(?s)the process died of signal 11 \(SIGSEGV\).*about to crash"),
        ("dilation-zero", "no answer within 2 s"),
    ],
)
def test_worker_says_how_the_process_ended_and_goes_on(worker, call, how):
    assert refused(worker)
    with pytest.raises(Died, match=how):
        worker.ask("invalid", "deadly:Kernel", call, "conv2d", time_limit=2)
    assert refused(worker)


def test_worker_says_why_a_backend_cannot_be_loaded():
    with Worker("no_such_module:Kernel") as worker, pytest.raises(Died, match="No module named 'no_such_module'"):
        worker.ask("invalid", "no_such_module:Kernel", "padding-word", "conv2d")


ASKER = """
from reference_impl.run.processes.worker import Worker
Worker("hanging:Kernel").ask("invalid", "hanging:Kernel", "stride-zero", "conv2d")
"""
HANGING = """
import os, pathlib, time

class Kernel:
    def conv2d(self, *args, **options):
        path = pathlib.Path(__file__).with_name("pid")
        path.with_suffix(".partial").write_text(str(os.getpid()))
        path.with_suffix(".partial").rename(path)
        time.sleep(600)
"""


def test_what_hangs_does_not_outlive_who_asked(tmp_path):
    (tmp_path / "hanging.py").write_text(HANGING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    asker = subprocess.Popen([sys.executable, "-c", ASKER], env=environment)
    assert soon((tmp_path / "pid").exists)
    hanging = Path("/proc", (tmp_path / "pid").read_text())
    asker.kill()
    asker.wait()
    assert soon(lambda: not hanging.exists())


def soon(happens, seconds=20):
    until = time.monotonic() + seconds
    while not happens() and time.monotonic() < until:
        time.sleep(0.05)
    return happens()
