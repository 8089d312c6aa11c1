"""The first screen of a report: the answer on the first line, then distinct bugs, then robustness."""

from __future__ import annotations

import os
import sys
from xml.etree import ElementTree

import numpy as np
import planted
import pytest
from narrow_kernels import Square
from typer.testing import CliRunner

from reference_impl.cli import app
from reference_impl.conformance import Capabilities, Lack, check_backend
from reference_impl.console import PlainConsole, short_name
from reference_impl.report import progress
from reference_impl.report.answer import Answer, summary
from reference_impl.report.expected_failures import read
from reference_impl.report.tally import Tally
from reference_impl.run import outcome
from reference_impl.run.subject import Subject
from reference_impl.run.whole_backend import invalid_call
from reference_impl.verdicts.invalid_calls import BY_NAME

DYING = """
import os
import planted

class Dies(planted.Right):
    def conv2d(self, *arguments, **options):
        os._exit(1)

class Raises(planted.Right):
    def conv2d(self, *arguments, **options):
        raise ZeroDivisionError("division by zero")

class DiesOfStridedArrays(planted.Right):
    def conv2d(self, input, *arguments, **options):
        if not input.flags.c_contiguous:
            os._exit(1)
        return super().conv2d(input, *arguments, **options)
"""
SPECS = ["n2_h7w9c3_k3x2o4_s2x3", "n1_h6w5c2_k2x3o3_SAME", "n1_h4w4c1_k1x1o1", "n1_h9w9c4_k3x3o4_g4_float64"]
CASES = [word for spec in SPECS for word in ("--cases", spec)]


class ReadOnly(planted.Right):
    """Refuses arrays that are read-only, as Cython does: right otherwise."""

    def conv2d(self, input, *args, **options):
        if not input.flags.writeable:
            raise ValueError("buffer source array is read-only")
        return super().conv2d(input, *args, **options)


class Conv2dAlone(planted.Right):
    capabilities = Capabilities(operations=("conv2d",))


class NoFilterGradient(planted.Right):
    capabilities = Capabilities(
        lacks=(Lack("has no such gradient", lambda operation, case: operation == "conv2d_backprop_filter"),)
    )


class OnlyGroup1(planted.Right):
    def conv2d(self, *args, groups, **options):
        if groups != 1:
            raise NotImplementedError(f"Only groups==1, not {groups}")
        return super().conv2d(*args, groups=groups, **options)


@pytest.fixture(autouse=True)
def at_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setitem(sys.modules, "answering", sys.modules[__name__])


def verify(*words):
    return CliRunner().invoke(app, ["verify", "--processes", "0", *words])


def test_first_screen_of_a_right_kernel():
    result = verify("--backend", "planted:Right", *CASES)
    first, _, *rest = result.stdout.splitlines()
    assert first == rest[-1] == "planted unversioned: RIGHT  16 calls on the cases that were named"
    assert rest[0] == "planted unversioned"
    assert result.exit_code == 0


def test_first_screen_of_a_wrong_kernel():
    result = verify("--backend", "planted:Flipped", "--operation", "conv2d", *CASES)
    lines = result.stdout.splitlines()
    assert (
        lines[0]
        == lines[-1]
        == (
            "planted unversioned: WRONG  the kernel is rotated by 180 degrees, as in a true convolution, in conv2d "
            "(3 of 4 calls)"
        )
    )
    assert lines[2] == "Distinct bugs of planted: 1"
    assert lines[3].startswith("1. wrong numbers  where ")
    assert "smallest: conv2d n" in lines[3]
    assert lines[4] == "    FAIL  planted unversioned: conv2d on n1_h6w5c2_k2x3o3_SAME"
    assert result.stdout.count("run it again") == 1
    assert result.exit_code == 1


class WrongForward(planted.Right):
    def conv2d(self, input, filters, **options):
        return np.ones(7, input.dtype)


class NoGradients(WrongForward):
    def conv2d_backprop_input(self, *arguments, **options):
        raise NotImplementedError

    conv2d_backprop_filter = conv2d_transpose = conv2d_backprop_input


@pytest.mark.parametrize(
    ("kernel", "said"), [(WrongForward, "in conv2d"), (NoGradients, "on every call of conv2d")], ids=["one", "all"]
)
def test_operation_is_named_that_fails_always(kernel, said):
    verdict = check_backend(kernel(), SPECS, examples=0).verdict
    assert verdict.startswith(f"planted unversioned: WRONG  wrong shape {said} (4 of 16 calls)")


@pytest.mark.parametrize(("words", "status"), [([], 1), (["--no-robustness"], 0)])
def test_first_screen_of_a_kernel_that_fails_in_robustness_alone(words, status):
    result = verify("--backend", "answering:ReadOnly", *CASES, *words)
    lines = result.stdout.splitlines()
    assert (
        lines[0]
        == lines[-1]
        == ("planted unversioned: RIGHT  16 calls on the cases that were named; 1 kind of robustness failures, below")
    )
    do = "do not count" if words else "count"
    assert lines[2] == f"Robustness of planted (these {do} in the exit status): 1"
    assert lines[3].startswith("1. refused (memory layouts)  ")
    assert "Distinct bugs" not in result.stdout
    assert result.exit_code == status


def test_first_screen_of_a_kernel_that_was_judged_too_little():
    result = verify("--backend", "narrow_kernels:Square", "--cases", SPECS[0])
    first, *_, last = result.stdout.splitlines()
    assert (
        first
        == last
        == ("planted unversioned: JUDGED TOO LITTLE  nothing, of 1 call; 1 unsupported: takes squares only")
    )
    assert result.exit_code == 4


def test_right_is_not_said_of_more_than_was_judged():
    result = verify("--backend", "planted:Right", *CASES, "--check", "exact", "--operation", "conv2d")
    assert result.stdout.splitlines()[-1] == "planted unversioned: RIGHT  4 calls; asked was exact, conv2d alone"
    smoke = check_backend(Square(), ["smoke"]).verdict
    assert "% of the 3-way combinations" in smoke
    assert "more calls are unsupported" in smoke


def test_operation_that_is_declared_lacking_is_named_and_was_not_left_out():
    said = verify("--backend", "answering:NoFilterGradient", *CASES, "--quiet").stdout
    assert said == (
        "planted unversioned: RIGHT  12 calls on the cases that were named, "
        "4 more calls are unsupported, all of conv2d_backprop_filter among them\n"
    )


def test_one_error_is_told_once():
    report = check_backend(
        OnlyGroup1(), ["n1_h4w4c4_k2x2o4", *(f"n{n}_h5w4c4_k2x2o4_g{g}" for n in (1, 2) for g in (2, 4))]
    )
    assert report.verdict.startswith("planted unversioned: WRONG  refused ")
    assert str(report).count("NotImplementedError: Only groups==1") == 1


def test_robustness_does_not_count_if_so_asked():
    assert not check_backend(ReadOnly(), SPECS[:1]).passed
    assert check_backend(ReadOnly(), SPECS[:1], robustness=False).passed


def test_wrong_backends_come_first_and_the_last_line_names_them():
    result = verify("--backend", "planted:Right", "--backend", "planted:FlippedBytes", "--cases", f"{SPECS[0]}_int8")
    first, second, *_, last = result.stdout.splitlines()
    assert first.startswith("bytes unversioned: WRONG  ")
    assert second == "planted unversioned: JUDGED TOO LITTLE  nothing, of 4 calls; 4 unsupported: offers no int8"
    assert last == "0 of 2 backends RIGHT; WRONG: bytes; JUDGED TOO LITTLE: planted"


def test_summary_counts_robustness_of_right_backends():
    told = [Answer("a 1", "RIGHT", "9 calls", 2), Answer("b 1", "RIGHT", "9 calls")]
    assert summary(told) == "2 of 2 backends RIGHT; 1 with robustness failures"


def test_summary_of_many_backends_counts_them_on_one_line_of_80_columns():
    def told(word, count):
        return [Answer(f"{word.lower()}_{number} 1", word, "") for number in range(count)]

    known = [*told("RIGHT", 26), *told("WRONG", 2), *told("KNOWN FAILURES ONLY", 1)]
    assert summary(known) == "26 of 29 backends RIGHT; WRONG: wrong_0, wrong_1; 1 KNOWN FAILURES ONLY"
    many = summary([*told("RIGHT", 9), *told("WRONG", 20)])
    assert many == "9 of 29 backends RIGHT; WRONG: wrong_0, wrong_1, wrong_2, wrong_3, and 16 more"
    assert len(many) <= 80
    assert summary([*told("WRONG", 2), *[Answer(f"{90 * 'x'} 1", "NOT LOADED", "")]]) == (
        "0 of 3 backends RIGHT; 2 WRONG; 1 NOT LOADED"
    )


@pytest.mark.parametrize("kernel", ["dying:Dies", "dying:Raises", "dying:DiesOfStridedArrays"])
def test_kernel_that_crashes_has_one_bug(kernel, tmp_path, monkeypatch):
    (tmp_path / "dying.py").write_text(DYING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    words = ["--backend", kernel, *CASES[:6], "--operation", "conv2d", "--processes", "1"]
    result = CliRunner().invoke(app, ["verify", *words])
    robust = kernel.endswith("Arrays")
    heading = "Robustness of planted (these count in the exit status): 1" if robust else "Distinct bugs of planted: 1"
    assert heading in result.stdout
    assert result.stdout.count("run it again") == 1
    assert (" RIGHT " if robust else " WRONG ") in result.stdout.splitlines()[0]
    assert result.exit_code == 1


def test_gate_that_fails_is_told_in_its_own_words():
    words = ["--cases", "n1_h3w3c1_k1x1o1", "--require", "batch-invariant,deterministic", "--operation", "conv2d"]
    result = verify("--backend", "passport.breaking:ByBatch", *words)
    lines = result.stdout.splitlines()
    said = "is not batch-invariant: conv2d in float32 (in all that was asked)"
    assert lines[0].endswith(f": WRONG  {said}")
    assert "        check: batch-invariant (a promise that is not kept)" in lines
    assert "answers, and wrongly" not in result.stdout
    assert result.exit_code == 1


def test_quiet_prints_the_verdict_alone():
    result = verify("--backend", "planted:Right", *CASES, "--quiet")
    assert result.stdout == "planted unversioned: RIGHT  16 calls on the cases that were named\n"


def test_x_stops_at_the_first_failure():
    result = verify("--backend", "planted:Flipped", *CASES, "-x")
    assert result.stdout.splitlines()[-1].endswith("; stopped at the first failure after 1 of 16 calls")
    assert result.exit_code == 1


def test_list_runs_nothing(monkeypatch):
    monkeypatch.setattr(planted.Right, "spoil", pytest.fail)
    result = verify("--backend", "planted:Right", *CASES, "--list")
    assert result.stdout.splitlines() == [
        "planted unversioned: 16 calls",
        "4 cases, each with its number of calls:",
        *(f"{spec} 4" for spec in SPECS),
    ]
    assert result.exit_code == 0


def test_junit_has_a_case_for_each_call(tmp_path):
    verify("--backend", "planted:Flipped", *CASES, "--junit", str(tmp_path / "out.xml"))
    (suite,) = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert suite.attrib == {"name": "planted", "tests": "16", "failures": "9", "errors": "0", "skipped": "0"}
    failed = suite.find("testcase[@name='conv2d n1_h6w5c2_k2x3o3_SAME']/failure")
    assert failed.attrib["message"].startswith("exact: on integers")
    assert "run it again: " in failed.text


def test_expected_failures_do_not_count(tmp_path):
    (tmp_path / "expected.txt").write_text("# ours\nplanted * * n* # flips, as we know\n")
    result = verify("--backend", "planted:Flipped", *CASES, "--expected", str(tmp_path / "expected.txt"))
    assert ": KNOWN FAILURES ONLY  9 of 16 calls fail as expected; the others are right: " in result.stdout
    assert result.exit_code == 0


def test_unexpected_pass_is_told(tmp_path):
    file = tmp_path / "expected.txt"
    file.write_text("planted conv2d exact n1_* # was wrong once\nother * * * # not in this run\n")
    result = verify("--backend", "planted:Right", *CASES, "--expected", str(file))
    assert (
        f"expected to fail by {file}:1 (was wrong once); no call that it names failed: remove the line" in result.stdout
    )
    assert result.stdout.splitlines()[-1].startswith("planted unversioned: UNEXPECTEDLY RIGHT  ")
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("planted conv2d exact # why", "1: a line must be BACKEND OPERATION CHECK CASE # why; not 'planted conv2d"),
        ("planted conv2d exact *", "1: a line must be BACKEND OPERATION CHECK CASE # why"),
        ("planted conv3d exact * # why", "1: operation must match one of conv2d, .*; 'conv3d' matches none"),
        ("planted conv2d exakt * # why", "1: check must match one of .*; 'exakt' matches none"),
    ],
)
def test_bad_line_of_expected_failures_is_named(tmp_path, line, said):
    (tmp_path / "expected.txt").write_text(line + "\n")
    with pytest.raises(ValueError, match=said):
        read(tmp_path / "expected.txt")
    result = verify("--backend", "planted:Right", *CASES, "--expected", str(tmp_path / "expected.txt"))
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("lacks", "invalid", "asked"),
    [
        (lambda operation, case: case.groups > 1, "groups-zero", False),
        (lambda operation, case: case.groups > 1, "dilation-zero", True),
        (lambda operation, case: case.dilations != (1, 1), "dilation-negative", False),
        (lambda operation, case: case.dilations != (1, 1), "kernel-too-large", True),
    ],
)
def test_who_lacks_an_option_is_not_asked_invalid_calls_of_it(lacks, invalid, asked):
    class Lacking(planted.Right):
        capabilities = Capabilities(lacks=(Lack("knows no such option", lacks),))

    subject = Subject.of(Lacking())
    object.__setattr__(subject, "apart", subject) if not asked else None  # it must not be asked there
    if asked:
        with pytest.raises(Exception, match="planted"):  # an object has no process of its own
            invalid_call(subject, "conv2d", BY_NAME[invalid])
    else:
        record = invalid_call(subject, "conv2d", BY_NAME[invalid])
        assert (record.outcome, record.message) == (outcome.UNSUPPORTED, "knows no such option")


def test_output_to_a_file_is_not_cut_at_80_columns(monkeypatch, tmp_path):
    monkeypatch.delenv("COLUMNS")
    with (tmp_path / "out.txt").open("w") as file:
        assert PlainConsole(file=file).width > 200


def test_columns_and_marks_are_those_that_were_asked_and_are_there():
    words = ["--backend", "planted:Right", "--backend", "reference", *CASES, "--operation", "conv2d"]
    said = verify(*words).stdout
    assert "backprop" not in said
    for mark in ("✗:", "u:", "k:", "c:", "m:", "s:", "(25%)"):
        assert mark not in said
    assert "u: declared unsupported." in verify(*words, "--backend", "narrow_kernels:Square").stdout
    assert max(map(len, verify(*words).stdout.splitlines()[4:-1])) <= 80


def test_legend_names_no_mark_of_operations_that_the_backend_does_not_offer():
    said = verify("--backend", "answering:Conv2dAlone", *CASES).stdout
    assert "u: declared unsupported." not in said


def test_refusal_of_a_memory_layout_is_to_be_unclaimed_and_is_no_lack():
    said = verify("--backend", "answering:ReadOnly", *CASES).stdout
    assert 'declare it: unclaimed={"shared_arguments": "why"}' in said
    assert "lacks=" not in said


def test_names_are_shortened_in_the_middle():
    assert short_name("tensorflow:transposed_second_order", 20) == "tensorflo…cond_order"
    assert short_name("torch", 20) == "torch"


def test_progress_is_told_in_plain_lines_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with progress.progress(3, 12, Tally()) as advance:
        advance()
        advance()
    assert capsys.readouterr().err.splitlines()[-1] == "2 of 12 calls after 0 s, 0 failed"
