"""`python -m reference_impl verify`: what it runs, prints and exits with."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from reference_impl import __version__
from reference_impl.backends import registry
from reference_impl.cases import catalogue
from reference_impl.cases.case import DTYPES, Case
from reference_impl.cli import COMMANDS, app
from reference_impl.exit_status import ExitStatus
from reference_impl.run.shares import checks_of

CASE = "n2_h7w9c3_k3x2o4_s2x3"


def run(*words):
    return CliRunner().invoke(app, list(words), terminal_width=100)


def test_help_names_each_command_on_one_line():
    lines = run("--help").output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines if line.strip()] == list(COMMANDS)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_a_help_of_its_own(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"{name} [OPTIONS]" in result.output


def test_unknown_command_is_answered_with_the_nearest():
    result = run("verfy")
    assert result.exit_code == ExitStatus.BAD_USAGE
    assert "'verify'" in result.output


def test_commands_are_imported_when_they_are_run():
    code = "import reference_impl.cli, sys; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "reference_impl.cli" in imported
    assert not {f"reference_impl{module}" for module, _ in COMMANDS.values()} & set(imported)


def test_verify_passes_the_oracle_and_the_definition():
    words = ["--cases", "curated", "--dtype", "int32", "--operation", "conv2d_backprop_filter", "--check", "exact"]
    result = run("verify", "--backend", "reference", "--backend", "definition", *words)
    assert result.exit_code == 0, result.output
    assert "conv2d_backprop_filter" in result.output
    assert "nothing failed unexpectedly" in result.output


def test_verify_runs_a_spec_as_it_is():
    result = run("verify", "--backend", "reference", "--cases", CASE)
    assert result.exit_code == 0
    assert "1 case, " in result.output


def test_verify_exits_with_1_and_a_report_when_a_backend_is_wrong():
    result = run("verify", "--backend", "planted:Flipped", "--cases", CASE, "--operation", "conv2d", "--seed", "4")
    assert result.exit_code == 1
    assert "elements are wrong" in result.output
    assert f"verify --backend planted:Flipped --cases {CASE} --operation conv2d --seed 4" in result.output.replace(
        "\n", " "
    )


def test_verify_writes_json(tmp_path):
    path = tmp_path / "out.json"
    result = run("verify", "--backend", "reference", "--cases", CASE, "--json", str(path))
    assert result.exit_code == 0
    records = json.loads(path.read_text())["records"]
    due = {check.name for check in checks_of(Case.parse(CASE))} - {"bias"}  # it takes none
    assert len(records) == 4 * len(due)
    assert {record["check"] for record in records} == due
    assert {record["outcome"] for record in records} == {"pass"}


def test_verify_generates_as_many_cases_as_asked():
    result = run("verify", "--backend", "reference", "--cases", CASE, "--examples", "7", "--dtype", "float32")
    assert result.exit_code == 0
    assert "8 cases" in result.output


def test_verify_gives_a_backend_of_none_of_the_default_dtypes_the_cases_in_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "DEFAULT", ("smoke",))
    path = tmp_path / "out.json"
    backends = ["--backend", "reference", "--backend", "planted:FlippedBytes"]
    words = ["--operation", "conv2d", "--check", "exact", "--examples", "0", "--processes", "0", "--json", str(path)]
    result = run("verify", *backends, *words)
    assert result.exit_code == 1, result.output
    assert "bytes unversioned: conv2d on" in result.output
    records = json.loads(path.read_text())["records"]
    assert {(record["backend"], Case.parse(record["case"]).dtype) for record in records} == {
        *(("reference", dtype) for dtype in DTYPES),
        ("bytes", "int8"),
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--backend", "planted:FlippedBytes", "--cases", CASE], 4, "bytes: judged nothing of 4 calls; 4 unsupported"),
        (["--backend", "planted:FlippedBytes", "--dtype", "float32", "--check", "exact"], 4, "it offers: int8"),
        (
            ["--backend", "definition", "--check", "thread_counts"],
            4,
            "definition: judged nothing, as it was given no call",
        ),
        (["--backend", "reference", "--cases", "smoke", "--dtype", "int8", "--check", "rounded"], 4, "judged nothing"),
        (
            ["--backend", "reference", "--backend", "planted:FlippedBytes", "--cases", CASE],
            4,
            "bytes judged nothing",
        ),
        (["--backend", "narrow_kernels:Square", "--cases", CASE], 4, "takes squares only (1)"),
        (["--backend", "narrow_kernels:Square", "--cases", "n1_h5w5c2_k3x3o2"], 0, "1 of 1 call judged"),
        (["--backend", "narrow_kernels:Square", "--cases", "smoke"], 0, "planted: judged 40 of"),
        (["--backend", "reference:*", "--cases", CASE], 0, "4 of 4 calls judged"),
        (["--backend", "reference", "--check", "loads"], 0, "nothing failed unexpectedly"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_verify_exits_with_4_when_nothing_was_judged_of_a_backend_that_is_named(words, status, said):
    result = run("verify", *words, "--processes", "0")
    assert result.exit_code == status, result.output
    assert said in " ".join(result.output.split())


def test_backend_that_nobody_named_may_be_judged_nothing_if_another_is_judged(monkeypatch):
    monkeypatch.setattr(registry, "ADAPTERS", {"reference": None, "minimal": None})
    grouped = "n1_h5w5c2_k3x3o2_g2"
    result = run("verify", "--cases", grouped, "--processes", "0")
    assert result.exit_code == 0, result.output
    assert "minimal: judged nothing of 4 calls; 4 unsupported: knows no groups (4)" in result.output
    assert run("verify", "--backend", "minimal", "--cases", grouped, "--processes", "0").exit_code == 4


@pytest.mark.parametrize("status", ExitStatus)
def test_help_names_every_exit_status(status):
    said = " ".join(run("verify", "--help").output.split())
    shown = (
        ["128 and the signal's number"]
        if status == ExitStatus.INTERRUPTED
        else [f"{status.value} if", f"{status.value} for"]
    )
    assert any(words in said for words in shown), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "caffe"], "must be one of reference, definition, minimal, tensorflow"),
        (["--backend", "reference:fast"], "has no route 'fast'"),
        (["--backend", "..x:y"], "FILE.py:Object; not '..x:y'"),
        (["--backend", ":y"], "FILE.py:Object; not ':y'"),
        (["--backend", "x:y."], "FILE.py:Object; not 'x:y.'"),
        (["--backend", "no_such_module:Thing"], "No module named 'no_such_module'"),
        (["--backend", "planted:Missing"], "planted has no Missing"),
        (["--backend", "json:JSONDecoder"], "must offer at least one of"),
        (["--backend", "json:loads"], "to check a bare function, wrap it: types.SimpleNamespace(conv2d=f)"),
        (
            ["--backend", "ctypes:PyDLL"],
            "ctypes:PyDLL must make a backend, called without arguments; it raised TypeError",
        ),
        (["--backend", "reference", "--cases", "n1_h2w2c1_k3x3o1"], "kernel must fit"),
        (["--backend", "reference", "--cases", "nothing"], "nothing"),
        (["--backend", "reference", "--operation", "conv3d"], "must be one of conv2d"),
        (["--backend", "reference", "--dtype", "complex64"], "must be one of int8"),
        (["--backend", "reference", "--examples", "-1"], "--examples"),
        (["--backend", "reference", "--json", "/no/such/folder/out.json"], "no folder"),
        (["--backend", "reference", "--json", "/"], "must be a file; / is a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_verify_exits_with_2_when_used_badly(words, said):
    result = run("verify", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_verify_says_that_records_could_not_be_written(monkeypatch, tmp_path):
    def full(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    result = run("verify", "--backend", "reference", "--cases", CASE, "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 2
    assert "could not be written: No space left on device" in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_verify_must_load_a_backend_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(registry.ADAPTERS, "torch", "no_such_framework")
    result = run("verify", "--backend", "torch", "--cases", CASE)
    assert result.exit_code == 2
    assert "which is not installed" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("word", ["torch", "torch:autograd", "torch:*", "all"])
def test_framework_that_is_named_is_required_without_being_imported(monkeypatch, word):
    monkeypatch.setattr(registry, "_adapter", pytest.fail)
    monkeypatch.setattr(registry, "ADAPTERS", dict.fromkeys(registry.ADAPTERS, "json"))
    registry.require(["reference", word, "my_module:Kernel"])
    monkeypatch.setitem(registry.ADAPTERS, "torch", "no_such_framework")
    with pytest.raises(ImportError, match="torch needs no_such_framework, which is not installed"):
        registry.require(["reference", word])


def test_verify_names_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(registry, "ADAPTERS", {"reference": None, "torch": "no_such_framework"})
    result = run("verify", "--cases", CASE)
    assert result.exit_code == 0
    assert "Not installed, so not checked: torch" in result.output


def test_verify_prints_what_it_found_when_interrupted(monkeypatch):
    import planted

    calls = itertools.count()

    def interrupt(self, answer, arrays):
        here = threading.current_thread() is threading.main_thread()  # as a signal would come
        if next(calls) >= 200 and here:  # not in the first of the four operations
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(planted.Right, "spoil", interrupt)
    result = run("verify", "--backend", "planted:Right", "--cases", CASE, "--processes", "0")
    assert result.exit_code == 130
    assert "Interrupted: the table shows what was found until then" in result.output
    assert "conv2d" in result.output


def test_no_isolation_runs_a_backend_in_this_process(monkeypatch):
    import planted

    here = []
    monkeypatch.setattr(planted.Right, "spoil", lambda self, answer, arrays: here.append(1) or answer)
    words = ["verify", "--backend", "planted:Right", "--cases", CASE]
    assert run(*words).exit_code == 0
    assert not here
    assert run(*words, "--no-isolation").exit_code == 0
    assert here


def test_version_is_printed():
    assert __version__ in run("--version").output


def test_file_of_cases_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "cases.txt"
    path.write_bytes(b"n1_h2w2c1_k1x1o1\n\xff\n")
    result = run("verify", "--backend", "reference", "--cases", str(path))
    assert result.exit_code == 2
    assert f"{path}: must be UTF-8 text; byte 17 is not" in " ".join(result.output.split())


def test_width_of_0_still_shows_the_verdict(monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    result = run("verify", "--backend", "reference", "--cases", CASE)
    assert result.exit_code == 0
    assert "nothing failed unexpectedly" in result.output
