"""`verify` ends by a signal, a closed pipe or a full disk: records are written, and the verdict is told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reference_impl.cli import app
from reference_impl.exit_status import ExitStatus
from reference_impl.report import failures as failures_of_a_report
from reference_impl.stopping import Stopped

PATIENCE = 300  # seconds, of which a run that ends takes a few
CASE = "n2_h7w9c3_k3x2o4_s2x3"
SLOW = """
import pathlib, time
import planted

class Kernel(planted.Flipped):
    calls = 0

    def spoil(self, answer, arrays):
        Kernel.calls += 1
        if Kernel.calls > 600:  # so many that some calls are judged
            pathlib.Path(__file__).with_name("well_on").touch()
            time.sleep(0.2)
        return answer
"""
HOSTILE = """
import planted

class Kernel(planted.Flipped):
    name = "mine [/x] \\x1b[2J \\ud800"
    version = "[torch] \\x1b]0;title\\x07"

    def conv2d_backprop_filter(self, *arguments, **options):
        print("[/y] \\x1b[31m")
        return super().conv2d_backprop_filter(*arguments, **options)

    def conv2d_transpose(self, *arguments, **options):
        raise ValueError("[/z] \\x1b[2J \\ud800 " + 11_000 * "long 1.5 ")
"""


@pytest.fixture
def environment(tmp_path, monkeypatch, request):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.delenv("COLUMNS", raising=False)
    path = [tmp_path, request.config.rootpath, request.config.rootpath / "tests"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}


def heed_signals():
    """Heed the signals that this process may have been told to ignore, as by nohup or in the background of a shell."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def verify(*words, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heed_signals, **options}
    return subprocess.Popen([sys.executable, "-m", "reference_impl", "verify", *words], **options)


def records_in(path):
    document = json.loads(path.read_text())
    return document["complete"], document["records"]


@pytest.mark.parametrize(("name", "processes"), [("SIGINT", "0"), ("SIGTERM", "1"), ("SIGHUP", "1")])
def test_signal_ends_a_run_with_its_records_and_verdict(environment, tmp_path, name, processes):
    out, number = tmp_path / "out.json", getattr(signal, name)
    words = ["--backend", "slow:Kernel", "--cases", "curated", "--processes", processes, "--json", str(out)]
    run = verify(*words, env=environment, cwd=tmp_path)
    until = time.monotonic() + PATIENCE
    while not (tmp_path / "well_on").exists() and time.monotonic() < until:
        time.sleep(0.05)
    run.send_signal(number)
    printed = run.communicate(timeout=PATIENCE)[0].decode()
    assert run.returncode == 128 + number
    complete, records = records_in(out)
    assert not complete
    assert records
    assert "Interrupted: the table shows what was found until then" in printed
    *_, verdict, answer = printed.splitlines()
    assert "interrupted after " in answer
    assert " Interrupted after " in verdict
    assert "failed unexpectedly until then" in verdict
    assert "nothing failed" not in printed


def test_closed_pipe_loses_neither_records_nor_verdict(environment, tmp_path):
    out = tmp_path / "out.json"
    words = ["--backend", "reference", "--cases", CASE, "--processes", "0", "--json", str(out)]
    run = verify(*words, env=environment)
    run.stdout.close()
    said = run.stderr.read().decode()
    assert run.wait(PATIENCE) == 0
    complete, records = records_in(out)
    assert complete
    assert records
    assert said.splitlines()[-2].endswith("nothing failed unexpectedly.")
    assert ": RIGHT  " in said.splitlines()[-1]
    assert "Traceback" not in said


def test_full_disk_on_stdout_loses_neither_records_nor_verdict(environment, tmp_path):
    if not Path("/dev/full").is_char_device():
        pytest.skip("this system has no /dev/full")
    out = tmp_path / "out.json"
    with open("/dev/full", "w") as full:
        run = verify("--backend", "reference", "--cases", CASE, "--json", str(out), env=environment, stdout=full)
    said = run.stderr.read().decode()
    assert run.wait(PATIENCE) == ExitStatus.NOT_WRITTEN
    assert records_in(out)[0]
    assert "failed unexpectedly." in said
    assert "stdout could not be written to: [Errno 28] No space left on device" in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_terminal_that_cannot_print_the_signs_gets_others(environment):
    run = verify("--backend", "planted:Flipped", "--cases", CASE, env={**environment, "PYTHONIOENCODING": "ascii"})
    printed, said = (text.decode("ascii") for text in run.communicate(timeout=PATIENCE))
    assert run.returncode == 1, said
    assert "x: failed" in printed
    assert "failed unexpectedly." in printed.splitlines()[-2]
    assert ": WRONG  " in printed.splitlines()[-1]


@pytest.mark.parametrize("processes", ["0", "1"])
def test_hostile_text_is_shown_as_text_and_kept_in_the_records(environment, tmp_path, processes):
    out = tmp_path / "out.json"
    words = ["--backend", "hostile:Kernel", "--cases", CASE, "--processes", processes, "--json", str(out)]
    run = verify(*words, env=environment)
    printed, said = (text.decode() for text in run.communicate(timeout=PATIENCE))
    assert run.returncode == 1, said
    if processes == "0":  # then it prints directly
        printed = printed.replace("[/y] \x1b[31m", "")
    assert "\x1b" not in printed + said
    assert r"FAIL  mine [/x] \x1b[2J \ud800 [torch] \x1b]0;title\x07: conv2d on" in printed
    assert r"ValueError: [/z] \x1b[2J \ud800 long" in printed
    assert re.search(r"\.\.\. \(99,\d+ letters\)", printed)
    assert len(printed) < 100_000
    refused = [one for one in records_in(out)[1] if one["outcome"] == "refused"]
    assert all(one["backend"] == "mine [/x] \x1b[2J \ud800" for one in refused)
    assert all("long 1.5 " * 11_000 in one["message"] for one in refused)


def test_error_of_ours_ends_a_run_with_records_and_a_status_of_its_own(monkeypatch, tmp_path):
    def broken(*arguments, **options):
        yield from ()
        raise MemoryError("of ours")

    monkeypatch.setattr("reference_impl.verify_run.records_of", broken)
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["verify", "--backend", "reference", "--cases", CASE, "--json", str(out)])
    assert result.exit_code == ExitStatus.SUITE_FAILED
    assert not records_in(out)[0]
    said = " ".join(result.output.split())
    assert "The suite itself failed (MemoryError: of ours; please report this) after 0 of 4 calls" in said
    assert "nothing failed" not in said


def test_interrupt_while_failures_are_explained_loses_none(monkeypatch, tmp_path):
    def stopped(*arguments):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(failures_of_a_report.Diagnoses, "of", stopped)
    out = tmp_path / "out.json"
    words = ["verify", "--backend", "planted:Flipped", "--cases", CASE, "--json", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 128 + signal.SIGTERM
    assert any(record["outcome"] == "fail" for record in records_in(out)[1])
    assert "FAIL  planted unversioned: conv2d on" in result.output
    assert "Interrupted after 4 of 4 calls" in " ".join(result.output.split())


def test_interrupt_while_backends_are_loaded_says_so(monkeypatch):
    def stopped(*arguments, **options):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("reference_impl.verify_command.load", stopped)
    result = CliRunner().invoke(app, ["verify", "--backend", "reference", "--cases", CASE])
    assert result.exit_code == 128 + signal.SIGTERM
    assert "nothing was judged" in result.output
