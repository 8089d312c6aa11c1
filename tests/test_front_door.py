"""pytest as a user runs it here: what the options and `-k` select, in which order, and what a failure says."""

from __future__ import annotations

import gc
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.cli import app
from reference_impl.operations import OPERATIONS

ROOT = Path(__file__).parents[1]
CASE = "n2_h8w11c3_k3x2o4_s3x2_d2x1_SAME"
OF_CASE = [f"test_{name}.py::test_agrees[{name}-reference-SAME-{CASE}]" for name in sorted(OPERATIONS)]


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest in the root of this project, in this process; return its RunResult."""
    monkeypatch.chdir(ROOT)
    profile = settings.get_current_profile_name()
    yield lambda *words: pytester.runpytest_inprocess("-p", "no:cacheprovider", *words)
    settings.load_profile(profile)
    gc.enable()


@pytest.fixture
def collected(run):
    """Return the ids of the tests that pytest collects, in their order."""

    def ids(*words):
        lines = run("--collect-only", "-q", *words).outlines
        return [line.removeprefix("tests/equivalence/") for line in lines if "::" in line]

    return ids


@pytest.fixture
def run_apart(pytester, monkeypatch):
    """Run pytest in the root of this project, in a process of its own; return its RunResult."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(pytester.path / "hypothesis"))
    for name in ("CI", "GITHUB_ACTIONS", "__TOX_ENVIRONMENT_VARIABLE_ORIGINAL_CI"):
        monkeypatch.delenv(name, raising=False)  # on CI, Hypothesis keeps no failures
    return lambda *words: pytester.runpytest_subprocess("-p", "no:cacheprovider", *words)


@pytest.mark.parametrize("named", [[], ["tests"], ["tests/equivalence"], ["."]], ids=" ".join)
def test_case_collects_that_case_alone(collected, named):
    assert collected("--backend", "reference", "--case", CASE, *named) == OF_CASE


def test_files_that_are_named_are_collected_too(collected):
    named = ["tests/equivalence", "tests/verdicts/test_integers.py", "tests/exact"]
    found = collected("--backend", "reference", "--case", CASE, *named)
    assert found[-4:] == OF_CASE
    of_exact = {f"tests/exact/{path.name}" for path in (ROOT / "tests" / "exact").glob("test_*.py")}
    assert {name.partition("::")[0] for name in found[:-4]} == {*of_exact, "tests/verdicts/test_integers.py"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_collects_that_operation_alone(collected, operation):
    found = collected("--backend", "definition", "--operation", operation)
    assert {re.split(r"::|-", name)[1] for name in found} == {
        f"test_agrees[{operation}",
        f"test_agrees_on_generated_cases[{operation}",
        f"test_refuses[{operation}",
    } - {f"test_refuses[{operation}"}


@pytest.mark.parametrize("padding", PADDING_MODES)
def test_padding_collects_that_padding_alone(collected, padding):
    found = collected("--backend", "reference", "--operation", "conv2d", "--padding", padding)
    assert f"test_conv2d.py::test_agrees_on_generated_cases[conv2d-reference-{padding}]" in found
    specs = [name.rpartition("-")[2].rstrip("]") for name in found[:-1]]
    assert {Case.parse(spec).padding_mode for spec in specs} == {padding}
    assert len(specs) >= 5


def test_options_may_be_repeated_and_combined(collected):
    words = ["--operation", "conv2d", "--operation", "conv2d_transpose", "--padding", "FULL", "--padding", "SAME_LOWER"]
    found = collected("--backend", "reference", "--case", "smoke", *words)
    assert len(found) == 2 * 5
    assert {name.partition("[")[2].split("-")[2] for name in found} == {"FULL", "SAME_LOWER"}


@pytest.mark.parametrize("words", [["--operation", "conv2d"], ["--operation", "conv2d", "--padding", "SAME"]])
def test_file_of_another_operation_is_an_error_not_a_pass(run, words):
    result = run("--backend", "reference", "tests/equivalence/test_conv2d_transpose.py", *words)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("VALID", "conv2d.*-(reference|definition)-VALID"),
        ("SAME and not SAME_LOWER", "conv2d.*-(reference|definition)-SAME"),
        ("SAME-", "conv2d.*-(reference|definition)-SAME"),
        ("SAME_LOWER", "conv2d.*-(reference|definition)-SAME_LOWER"),
        ("conv2d- and reference-", "conv2d-reference-.*"),
        ("conv2d- and definition- and EXPLICIT-", "conv2d-definition-EXPLICIT"),
    ],
)
def test_keyword_selects_by_operation_backend_and_padding(collected, expression, names):
    words = ["tests/equivalence", "--long", "--backend", "reference", "--backend", "definition"]
    found = [name for name in collected(*words, "-k", expression) if "test_agrees[" in name]
    assert len(found) >= 10
    assert [name for name in found if not re.fullmatch(rf".*\[{names}-n\d[^-]*\]", name)] == []


@pytest.mark.parametrize("name", OF_CASE)
def test_id_ends_with_the_spec_that_runs_the_case_again(collected, name):
    spec = name.rstrip("]").rpartition("-")[2]
    assert name in collected("--backend", "reference", "--case", spec)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--operation", "conv3d"], "--operation: invalid choice: 'conv3d' (choose from *conv2d_transpose*"),
        (["--padding", "same"], "--padding: invalid choice: 'same' (choose from *SAME_LOWER*"),
        (
            ["--case", "curate"],
            "cases must be a catalogue (curated, regressions, networks, smoke, *), a file, or a spec*",
        ),
        (["--case", CASE, "--padding", "FULL"], "no case of --case has --padding FULL; it has SAME"),
        (["--backend", "caffe"], "backend must be one of reference, definition, minimal, tensorflow*"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_unknown_word_is_a_usage_error_that_lists_the_known(run, words, said):
    result = run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}"])


def test_header_says_what_is_left(run):
    words = ["--backend", "reference", "--operation", "conv2d", "--padding", "SAME", "--case", CASE]
    result = run("--collect-only", *words)
    result.stdout.fnmatch_lines(
        [f"only the equivalence tests: operation conv2d; padding SAME; case {CASE}", "collected 1 item"]
    )


def test_backend_alone_collects_all_tests_those_of_the_oracle_first(collected):
    found = collected("--backend", "reference")
    files = list(dict.fromkeys(name.partition("::")[0] for name in found))
    folders = list(dict.fromkeys(name.split("/")[1] if "/" in name else "equivalence" for name in files))
    assert files[:2] == ["tests/oracle/test_1_definition.py", "tests/oracle/test_geometry.py"]
    assert folders[:6] == ["oracle", "exact", "cases", "verdicts", "run", "backends"]
    assert folders.index("report") < folders.index("equivalence") < folders.index("mistakes")
    assert {path.parent.name for path in ROOT.glob("tests/*/test_*.py")} <= set(folders)


@pytest.mark.parametrize(("case", "failed"), [("n1_h5w5c2_k3x3o2", 0), (CASE, 1)])
def test_user_backend_that_supports_none_of_the_cases_is_a_failure(run, case, failed):
    """The kernel takes squares without strides."""
    result = run("tests/equivalence", "--backend", "narrow_kernels:Square", "--case", case)
    assert result.parseoutcomes().get("failed", 0) == failed
    if failed:
        result.stdout.fnmatch_lines(["nothing is judged of planted: it supports no case that it is given"])


def test_generated_cases_of_which_none_is_supported_are_skipped_with_the_reason(run):
    words = ["tests/equivalence/test_conv2d.py", "-k", "generated", "--backend", "narrow_kernels:Never", "-rs"]
    result = run(*words, "--padding", "SAME")
    assert result.parseoutcomes().get("passed", 0) == 0
    assert result.parseoutcomes()["skipped"] == 1
    result.stdout.fnmatch_lines(["*nothing was judged, as no case that was drawn is supported: is not built yet (*)"])


def test_fault_of_the_oracle_shows_in_its_own_tests_first(run_apart, pytester, monkeypatch):
    """The planted fault rotates the kernel."""
    pytester.makepyfile(
        rotating="""
        from reference_impl.geometry import Axis

        reads = Axis.reads
        Axis.reads = lambda axis, tap, outputs: reads(axis, axis.kernel_size - 1 - tap, outputs)
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    names = ("equivalence/test_conv2d", "oracle/test_2_operations_equal_definition", "oracle/test_1_definition")
    result = run_apart("--backend", "reference", "-x", "-p", "rotating", *(f"tests/{name}.py" for name in names))
    assert result.parseoutcomes()["failed"] == 1
    assert result.parseoutcomes()["passed"] >= 10  # those of the definition, which the fault leaves alone
    result.stdout.fnmatch_lines(["FAILED tests/oracle/test_2_operations_equal_definition.py::*"])


def test_failure_of_a_generated_case_says_how_to_run_it_again_and_is_kept(run_apart):
    words = ["tests/equivalence/test_conv2d.py", "-k", "generated", "--padding", "SAME_LOWER"]
    words += ["--backend", "planted:Flipped", "--backend", "reference"]
    item = f"{words[0]}::test_agrees_on_generated_cases[conv2d-planted-SAME_LOWER]:"
    words += ["--hypothesis-show-statistics", "--hypothesis-profile", "dev"]
    first, second = run_apart(*words), run_apart(*words)
    first.assert_outcomes(failed=1, passed=1, deselected=first.parseoutcomes()["deselected"])
    first.stdout.fnmatch_lines([item, "*during generate phase*", "*Events:*", "*%, even kernel"])
    second.stdout.fnmatch_lines([item, "*during reuse phase*"])

    spec = re.search(r"^FAIL  planted unversioned: conv2d on (\S+)$", first.stdout.str(), re.MULTILINE)[1]
    assert Case.parse(spec).padding == "SAME_LOWER"
    assert Case.parse(spec).multiply_adds <= 4, "it was not shrunk"
    command = re.search(r"run it again: python -m reference_impl (.*)", first.stdout.str())[1]
    assert f"--cases {spec} " in command
    assert CliRunner().invoke(app, [*shlex.split(command), "--processes", "0"]).exit_code == 1
