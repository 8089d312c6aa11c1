"""Backends run in environments: each in worker processes of its own, and found wrong in the one where they are."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from reference_impl.backends import cpu, environments
from reference_impl.cases import catalogue
from reference_impl.cli import app
from reference_impl.conformance import check_backend
from reference_impl.run import implementation, outcome
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import load, missing, process_of

CASE = "n2_h7w9c3_k3x2o4"
# It reads the variable when it is loaded, as libraries do.
KERNEL = """
import os
import planted
from reference_impl.conformance import Capabilities

LESSER = os.environ.get("PLANTED_PATH") == "lesser"

class Kernel(planted.Right):
    capabilities = Capabilities(operations=("conv2d",))

    def spoil(self, answer, arrays):
        return answer + 1 if LESSER else answer
"""
# It names its kernels as oneDNN does, and holds a file of that name in memory. One of its answers kills it.
NAMING = """
import mmap, os, pathlib
import planted
from reference_impl.conformance import Capabilities

FILE = pathlib.Path(__file__).with_name("libdnnl.so")
FILE.write_bytes(bytes(4096))
HELD = mmap.mmap(os.open(FILE, os.O_RDONLY), 4096, prot=mmap.PROT_READ)

class Wrong(planted.Right):
    capabilities = Capabilities(operations=("conv2d",))

    def spoil(self, answer, arrays):
        if "ONEDNN_VERBOSE" in os.environ:
            print("onednn_verbose,v1,primitive,create:miss,cpu,convolution,jit:avx2,forward_training,,", flush=True)
        return answer + 1

class Dies(Wrong):
    def spoil(self, answer, arrays):
        super().spoil(answer, arrays)
        os.abort()
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch, request):
    (tmp_path / "reads_a_variable.py").write_text(KERNEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    monkeypatch.delenv("PLANTED_PATH", raising=False)
    return "reads_a_variable:Kernel"


def verify(*words):
    return CliRunner().invoke(app, ["verify", *words, "--cases", CASE, "--check", "exact"], terminal_width=100)


def test_kernel_that_is_wrong_in_one_environment_is_found_there_and_not_outside(kernel, tmp_path):
    wrong, right = f"{kernel}@PLANTED_PATH=lesser", f"{kernel}@PLANTED_PATH=better"
    file = tmp_path / "records.json"
    words = ("--backend", wrong, "--backend", right, "--backend", kernel, "--operation", "conv2d")
    result = verify(*words, "--json", str(file))
    assert result.exit_code == 1
    records = json.loads(file.read_text())["records"]
    failed = Counter((record["environment"], record["outcome"]) for record in records)
    assert failed == {("PLANTED_PATH=lesser", "fail"): 1, ("PLANTED_PATH=better", "pass"): 1, (None, "pass"): 1}
    assert {record["argument"] for record in records} == {wrong, right, kernel}
    assert "FAIL  planted@PLANTED_PATH=lesser" in result.output
    assert f"--backend {wrong} --cases {CASE}" in result.output


def test_check_backend_takes_an_environment_by_name(kernel):
    assert not check_backend(f"{kernel}@PLANTED_PATH=lesser", [CASE]).passed
    assert check_backend(f"{kernel}@PLANTED_PATH=better", [CASE], isolate=True).passed


def test_environment_is_refused_in_this_process(kernel):
    result = verify("--backend", f"{kernel}@PLANTED_PATH=lesser", "--no-isolation")
    assert result.exit_code == 2
    assert "needs a process of its own, as libraries read PLANTED_PATH=lesser when they are loaded" in " ".join(
        result.output.split()
    )


def test_unknown_environment_lists_those_that_are_known():
    result = verify("--backend", "reference@openblas-z80")
    assert result.exit_code == 2
    assert "it must be one of openblas-prescott, openblas-nehalem" in " ".join(result.output.split())


@pytest.fixture
def old_cpu(monkeypatch):
    monkeypatch.setattr(cpu, "flags", lambda: frozenset({"pni", "sse4_1", "sse4_2"}))


def test_environment_that_the_cpu_cannot_run_is_named_and_left_out(old_cpu):
    result = verify("--backend", "reference@openblas-nehalem", "--backend", "reference@openblas-haswell")
    assert result.exit_code == 0
    assert "Not here: reference@openblas-haswell: this CPU lacks avx2, fma" in result.output
    assert "1 case, 1 backend," in result.output


def test_run_of_nothing_but_what_the_cpu_cannot_run_is_no_pass(old_cpu):
    result = verify("--backend", "reference@openblas-haswell")
    assert result.exit_code == 4
    assert "Not here: reference@openblas-haswell: this CPU lacks avx2, fma" in result.output
    assert "nothing was judged" in result.output


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, request):
    (tmp_path / "elsewhere.py").write_text(
        "import planted\nclass Kernel(planted.Flipped):\n    name, not_here = 'elsewhere', 'it needs a vector unit'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    return "elsewhere:Kernel"


@pytest.mark.parametrize("words", [[], ["--no-isolation"]], ids=["isolated", "here"])
def test_backend_that_says_that_it_cannot_run_here_is_named_and_left_out(elsewhere, words):
    result = verify("--backend", elsewhere, "--backend", "reference", *words)
    assert result.exit_code == 0
    assert "Not here: elsewhere: it needs a vector unit" in result.output
    assert "1 case, 1 backend," in result.output


def test_run_of_nothing_but_what_cannot_run_here_is_no_pass(elsewhere):
    result = verify("--backend", elsewhere)
    assert result.exit_code == 4
    assert "Not here: elsewhere: it needs a vector unit" in result.output
    assert "nothing was judged" in result.output


@pytest.mark.parametrize("core", ["openblas-prescott", "openblas-haswell"])
@pytest.mark.skipif(environments.not_here("reference@openblas-haswell") is not None, reason="this CPU lacks AVX2")
def test_oracle_and_definition_are_right_on_the_kernels_of_openblas(core):
    loaded = load([f"reference@{core}", f"definition@{core}"])
    assert [subject.name for subject in loaded.subjects] == [f"reference@{core}", f"definition@{core}"]
    cases = catalogue.load("smoke")[:20]
    records = list(records_of(for_all(loaded.subjects, cases, only=("exact",), full=True), processes=1))
    assert len(records) == 8 * len(cases)
    assert {record.outcome for record in records} == {outcome.PASS}


def test_routes_share_a_process_in_each_environment():
    assert process_of("torch:autograd@avx2") == process_of("torch@avx2") == "torch@avx2"
    assert process_of("torch:autograd") == "torch"
    assert process_of("mine:Kernel@A=1") != process_of("mine:Other@A=1")
    first, second, apart = (
        load(["reference", "reference@threads-1", "reference"]).subjects[:2] + load(["reference@threads-1"]).subjects
    )
    assert first.backend.process is not second.backend.process
    assert (first.name, second.name, apart.environment) == ("reference", "reference@threads-1", "threads-1")
    assert (second.route, second.adapter, second.is_route) == ("reference", "reference", True)


def test_a_user_sees_no_line_on_environments_by_default():
    assert not any("Not here" in line for line in missing(load(["reference"])))


@pytest.mark.parametrize("kind", ["Wrong", "Dies"])
def test_failure_says_which_kernel_ran(kind, tmp_path, monkeypatch, request):
    (tmp_path / "naming.py").write_text(NAMING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    report = check_backend(f"naming:{kind}", [CASE], isolate=True)
    assert "the library ran: convolution jit:avx2 forward_training" in str(report)
    assert report.failures[0].implementation == "convolution jit:avx2 forward_training"


LINES = """\
onednn_verbose,v1,info,cpu,isa:Intel AVX2
onednn_verbose,v1,primitive,info,template:operation,engine,primitive,implementation,prop_kind,auxiliary,exec_time
onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,jit_1x1:avx2,backward_weights,src:f32,,,mb1_ic1,0.1
onednn_verbose,v1,primitive,exec,cpu,convolution,jit_1x1:avx2,backward_weights,src:f32,,,mb1_ic1,0.1
dnnl_verbose,exec,cpu,reorder,jit:uni,undef,src:f32,,,1x1,0.002
"""


def test_kernels_are_named_from_what_the_library_wrote():
    assert implementation._named(LINES) == "convolution jit_1x1:avx2 backward_weights, reorder jit:uni"
    created = "\n".join(line for line in LINES.splitlines() if "exec," not in line)
    assert implementation._named(created) == "convolution jit_1x1:avx2 backward_weights"
    assert implementation._named("printed by a kernel") is None
