"""A backend's process survives what a backend does to it: the next call is answered, and nothing outlives the asker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from run.waiting import soon

from reference_impl.run.processes.asking import MOST_HUNG, BackendProcess
from reference_impl.run.processes.channel import Closed, Late, receive, send
from reference_impl.run.processes.worker import Died, Raised
from reference_impl.run.subject import NotLoaded, Subject
from reference_impl.verdicts.invalid_calls import arguments_of

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
def kernel(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    process = BackendProcess("deadly:Kernel")
    yield Subject.load("deadly:Kernel", process).backend
    process.close()


def call(kernel, name, time_limit=60.0):
    kernel.process.time_limit = time_limit
    positional, options = arguments_of(name, "conv2d")
    return kernel.conv2d(*positional, **options)


def assert_refused(kernel):
    with pytest.raises(Raised, match=r"ValueError: refused \(.*deadly.py, line \d+, in conv2d\)") as raised:
        call(kernel, "padding-word")
    assert raised.value.kind == "ValueError"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("stride-zero", "the process exited with status 0, without an answer"),
        ("stride-negative", r"(?s)the process died of signal 11 \(SIGSEGV\).*about to crash"),
        ("dilation-zero", "no answer within 1 s"),
    ],
)
def test_process_says_how_it_ended_and_goes_on(kernel, name, how):
    assert_refused(kernel)
    with pytest.raises(Died, match=how):
        call(kernel, name, 1 if name == "dilation-zero" else 60)
    assert_refused(kernel)


def test_backend_that_hangs_again_and_again_is_asked_no_more(kernel, monkeypatch):
    for _ in range(MOST_HUNG):
        with pytest.raises(Died, match="no answer within 1 s"):
            call(kernel, "dilation-zero", 1)
    monkeypatch.setattr(kernel.process._worker, "ask", lambda *job, **options: pytest.fail(f"{job} is asked"))
    with pytest.raises(Died, match="not asked: 3 calls before gave no answer within 1 s"):
        call(kernel, "padding-word", 1)


def test_process_is_started_before_the_time_of_a_call_begins(kernel, monkeypatch):
    """To import a framework may take longer than a call may."""
    worker, asked = kernel.process._worker, []
    ask = worker.ask

    def noted(job, *given, **limit):
        asked.append((job, worker.is_started))
        return ask(job, *given, **limit)

    monkeypatch.setattr(worker, "ask", noted)
    worker.close()  # as a hang does
    assert_refused(kernel)
    assert asked == [("declares", False), ("call", True)]


def test_what_a_call_prints_is_told(kernel):
    assert_refused(kernel)
    assert kernel.take_printed() == (25, "noise on standard output")
    assert kernel.take_printed() == (0, "")


def test_backend_that_is_not_there_is_not_loaded():
    with pytest.raises(NotLoaded, match="No module named 'no_such_module'") as raised:
        Subject.load("no_such_module:Kernel")
    assert raised.value.is_misuse


@pytest.mark.parametrize(
    ("source", "error", "how"),
    [
        ("import os; os._exit(0)", Died, "the process exited with status 0, without an answer"),
        ("import sys; sys.exit(0)", Died, "the process exited with status 0, without an answer"),
        ("import ctypes; ctypes.string_at(0)", Died, r"the process died of signal 11 \(SIGSEGV\)"),
        ("raise RuntimeError('not today')", NotLoaded, "not today"),
    ],
    ids=["os._exit", "sys.exit", "segfault", "raises"],
)
def test_what_happens_at_load_is_told(tmp_path, monkeypatch, source, error, how):
    (tmp_path / "at_import.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error, match=how):
        Subject.load("at_import:Kernel")


ASKER = """
from reference_impl.run.subject import Subject
from reference_impl.verdicts.invalid_calls import arguments_of

positional, options = arguments_of("stride-zero", "conv2d")
Subject.load("hanging:Kernel").backend.conv2d(*positional, **options)
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


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_messages_are_read_one_by_one(pipe):
    reading, writing = pipe
    for message in ({"answer": [1, None, "é"]}, [], "x" * 60_000):
        send(writing, message)
        assert receive(reading, 1) == message


def test_message_that_does_not_come_is_late(pipe):
    with pytest.raises(Late):
        receive(pipe[0], 0.01)


@pytest.mark.parametrize("written", [b"PASS\n" + b"x" * 100, b"\x04\x00\x00\x00oops"], ids=["a line", "no JSON"])
def test_what_is_no_message_closes_the_channel(pipe, written):
    os.write(pipe[1], written)
    with pytest.raises((Closed, Late)):
        receive(pipe[0], 0.2)
