"""`sweep` from the command line: its claim, its bugs, its reports, and what it says of wrong use."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from math import inf

import pytest
from run.sweep.test_store import HERE
from typer.testing import CliRunner

from reference_impl.cli import app
from reference_impl.exit_status import ExitStatus
from reference_impl.run.sweep.store import Backend, Sweep, Totals
from reference_impl.sweep.claim import claim, exit_status
from reference_impl.sweep.progress import SweepProgress, duration

FEW = "batch = 1, 2\nheight = 5\nwidth = 6\ninput_channels = 2\nkernel = 1, 2, 3\noutput_channels = 2\n"
FEW += "strides = 1, 2\ndilations = 1, 2\ngroups = 1, 2\npadding = VALID, SAME, FULL\n"
SPECS = "n1_h4w5c2_k2x3o2\nn2_h4w5c2_k2x3o2_s2x1\nn1_h4w5c2_k1x1o2_d2x2_SAME\n"


@pytest.fixture
def scope(tmp_path):
    """A scope of three cases, 12 configurations."""
    path = tmp_path / "scope.txt"
    path.write_text(SPECS)
    return str(path)


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / "store.db")


@pytest.fixture(scope="module", autouse=True)
def fresh_calls_are_bounded_by_their_number():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reference_impl.sweep.distinct._SECONDS", inf)
        yield


def run(*words):
    one = "--processes", "1"  # a second process takes longer to start than these scopes
    done = CliRunner().invoke(app, ["sweep", *one, *map(str, words)], terminal_width=100)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def said(done):
    """Return all output on one line: messages on wrong use are broken into lines, in a box."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.output).split())


def test_backend_that_agrees_is_claimed_to(scope, store):
    done = run("--backend", "reference", "--scope", scope, "--store", store)
    assert done.exit_code == ExitStatus.PASSED, done.output
    assert f"Scope {scope} on 1 backend: 12 configurations." in done.output
    assert f"all 12 configurations of scope {scope} agree to the bit on reference " in done.output
    for fact in ("seed 0", f"NumPy {HERE.numpy}", f"CPU: {HERE.cpu}", f"Results: {store}"):
        assert fact in done.output
    again = run("--resume", "--store", store)
    assert again.exit_code == ExitStatus.PASSED
    assert "12 configurations, 12 of them done" in again.output
    assert f"all 12 configurations of scope {scope} agree to the bit on reference " in again.output


@pytest.fixture(scope="module")
def three_bugs(tmp_path_factory):
    """A sweep of a kernel with three bugs: its output, and its folder."""
    folder = tmp_path_factory.mktemp("bugs")
    (folder / "few.txt").write_text(FEW)
    words = "--backend", "run.sweep.swept_kernels:ThreeBugs", "--scope", folder / "few.txt", "--store", folder / "db"
    return run(*words, "--reports", folder / "reports"), folder


def test_failures_are_told_as_the_bugs_they_are(three_bugs):
    done, _ = three_bugs
    assert done.exit_code == ExitStatus.FAILED, done.output
    assert re.search(r"[\d,]+ of [\d,]+ configurations of scope .* agree to the bit on three bugs", done.output)
    assert "3 distinct bugs:" in done.output
    bugs = [line for line in done.output.splitlines() if re.match(r"  \d\. ", line)]
    assert len(bugs) == 3
    for line in bugs:
        failed, calls = re.search(r"([\d,]+) of ([\d,]+) wrong", line).groups()
        assert failed == calls
        right, elsewhere = re.search(r"([\d,]+) of ([\d,]+) right elsewhere", line).groups()
        assert right == elsewhere
        assert re.search(r"held on [\d,]+( of [\d,]+)? fresh calls", line)
    told = "\n".join(bugs)
    assert re.search(r"conv2d where (?=.*kernel height 3)(?=.*strided and dilated along height)", told), told
    assert re.search(r"conv2d_backprop_filter where (?=.*padding SAME)(?=.*batch above 1)(?=.*groups)", told), told
    assert re.search(r"conv2d_transpose where (?=.*padding FULL)(?=.*not strided)", told), told


def test_claim_comes_before_the_bugs_and_the_details(three_bugs):
    done, _ = three_bugs
    places = [done.output.index(word) for word in ("agree to the bit", "distinct bugs:", "Versions: ")]
    assert places == sorted(places)


def test_each_bug_has_a_report(three_bugs):
    done, folder = three_bugs
    paths = sorted((folder / "reports").iterdir())
    assert [path.name[:3] for path in paths] == ["01-", "02-", "03-"]
    for path in paths:
        text = path.read_text()
        for word in ("- Conditions: ", "- Smallest case: `", f"- CPU: {HERE.cpu}", "unversioned", "## Reproducer"):
            assert word in text
        assert "elements are wrong" in text
        assert "No code that uses three bugs alone can be written" in text
        assert str(path) in done.output


def test_same_bugs_are_told_when_the_sweep_is_looked_at_again(three_bugs, tmp_path):
    done, folder = three_bugs
    again = run("--resume", "--store", shutil.copy(folder / "db", tmp_path / "copy"))
    assert again.exit_code == ExitStatus.FAILED
    for line in done.output.splitlines():
        if re.match(r"  \d\. ", line):
            assert line in again.output


def test_what_is_not_offered_is_told_by_reason(scope):
    done = run("--backend", "run.sweep.swept_kernels:OnlyConv2d", "--scope", scope)
    assert done.exit_code == ExitStatus.PASSED, done.output
    assert f"all 2 configurations of scope {scope} that it offers agree to the bit on only conv2d 1.2" in done.output
    assert "3 not offered: offers no conv2d_transpose" in done.output
    assert "1 not offered: no dilation" in done.output


def test_deaths_are_one_bug(tmp_path, monkeypatch):
    monkeypatch.setattr("reference_impl.sweep.distinct._MOST_ASKED", 32)  # half of these calls are deadly, and slow
    (tmp_path / "few.txt").write_text(FEW.replace("dilations = 1, 2", "dilations = 1").replace("1, 2, 3", "1, 2"))
    done = run("--backend", "run.sweep.swept_kernels:Deadly", "--scope", tmp_path / "few.txt")
    assert done.exit_code == ExitStatus.FAILED, done.output
    assert "1 distinct bug:" in done.output
    assert re.search(r"crash +conv2d where (?=.*strided)(?=.*batch above 1)", done.output), done.output


def test_time_that_is_over_ends_a_sweep_and_says_how_to_go_on(scope, store):
    done = run("--backend", "reference", "--scope", scope, "--store", store, "--minutes", 0)
    assert done.exit_code == ExitStatus.JUDGED_TOO_LITTLE
    assert "nothing was judged on reference" in done.output
    assert f"To go on: conv2d-reference sweep --resume --store {store}" in done.output
    assert run("--resume", "--store", store).exit_code == ExitStatus.PASSED


def test_claim_does_not_depend_on_the_grouping(tmp_path, monkeypatch):
    def broken(*calls, **options):
        raise RuntimeError("no rule today")

    monkeypatch.setattr("reference_impl.sweep.distinct.distinct_bugs", broken)
    (tmp_path / "scope.txt").write_text("n1_h4w5c2_k2x3o2\n")
    done = run("--backend", "planted:Flipped", "--scope", tmp_path / "scope.txt")
    assert re.search(r"1 of 4 configurations of scope .* agree to the bit on planted unversioned; 3 fail", done.output)
    assert "The suite itself failed, please report this: RuntimeError: no rule today" in done.output
    assert done.exit_code == ExitStatus.FAILED


def test_claim_is_told_before_the_grouping_begins(tmp_path, monkeypatch):
    """Grouping may take minutes, and be interrupted."""

    def interrupted(*calls, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("reference_impl.sweep.distinct.distinct_bugs", interrupted)
    (tmp_path / "scope.txt").write_text("n1_h4w5c2_k2x3o2\n")
    done = run("--backend", "planted:Flipped", "--scope", tmp_path / "scope.txt")
    assert re.search(r"1 of 4 configurations of scope .* agree to the bit on planted unversioned; 3 fail", done.output)


def test_random_scope_ends_with_the_time_and_claims_what_it_judged():
    done = run("--backend", "reference", "--scope", "random", "--minutes", 0.01)
    assert done.exit_code == ExitStatus.PASSED, done.output
    assert "configurations without end" in done.output
    assert re.search(r"all [\d,]+ configurations of scope random that were judged agree to the bit", done.output)
    assert "These results are not kept. With --store FILE, a sweep can go on later." in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume"], "--resume: needs --store FILE"),
        (["--resume", "--store", "none.db"], "there is no store none.db to go on with: leave out --resume"),
        ([], "--backend: must be given: torch, for example"),
        (["--backend", "reference", "--scope", "huge"], "scope must be one of tiny, small, medium, random, or a file"),
        (["--backend", "reference", "--dtype", "float8"], "--dtype: must be one of int8"),
        (["--backend", "none.such:Kernel"], "none"),
        (["--merge", "a", "--store", "c"], "--merge: needs two stores or more, and --store FILE"),
        (["--merge", "a", "--merge", "b"], "--merge: needs two stores or more, and --store FILE"),
        (["--merge", "a", "--merge", "b", "--store", "c"], "there is no store a"),
        (["--backend", "reference", "--store", "no/such/folder"], "its folder must exist"),
    ],
)
def test_wrong_use_is_told(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.exit_code == ExitStatus.BAD_USAGE, done.output
    assert message in said(done)
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The store of a sweep of few calls, all right, by the kernel with three bugs."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "scope.txt").write_text(SPECS)
    words = "--backend", "run.sweep.swept_kernels:ThreeBugs", "--scope", folder / "scope.txt", "--store", folder / "db"
    assert run(*words).exit_code == ExitStatus.PASSED
    return folder / "db"


def test_store_with_results_is_not_swept_again_without_resume(swept):
    done = run("--backend", "reference", "--store", swept)
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert "go on with --resume, or give another file" in said(done)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", "1"], "They differ in the seed: 0 and 1"),
        (["--dtype", "float64"], "They differ in the dtype: that of the cases and float64"),
        (["--scope", "small"], "They differ in the scope: "),
    ],
)
def test_store_of_another_sweep_is_refused(swept, words, message):
    done = run("--resume", "--store", swept, *words)
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert message in said(done)


def test_other_version_than_in_the_store_is_refused(swept, tmp_path):
    copy = shutil.copy(swept, tmp_path / "copy")
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE backend SET version = '0.9'")
    connection.close()
    done = run("--resume", "--store", copy)
    assert done.exit_code == ExitStatus.BAD_USAGE
    assert "has results of three bugs 0.9, and it is unversioned now: sweep the new version into another" in said(done)


def test_empty_file_is_begun_and_not_resumed(scope, store):
    open(store, "w").close()
    assert "is empty: no sweep was begun in it" in said(run("--resume", "--store", store))
    done = run("--backend", "reference", "--scope", scope, "--store", store)
    assert done.exit_code == ExitStatus.PASSED


def test_stores_are_merged(scope, tmp_path):
    one, other, both = (str(tmp_path / name) for name in ("one", "other", "both"))
    run("--backend", "reference", "--scope", scope, "--store", one)
    run("--backend", "run.sweep.swept_kernels:OnlyConv2d", "--scope", scope, "--store", other)
    done = run("--merge", one, "--merge", other, "--store", both)
    assert done.exit_code == ExitStatus.PASSED, done.output
    assert f"all 12 configurations of scope {scope} agree to the bit on reference" in done.output
    assert f"all 2 configurations of scope {scope} that it offers agree to the bit on only conv2d" in done.output
    assert f"Merged 2 stores into {both}" in done.output


def test_interrupted_sweep_tells_what_it_found_and_how_to_go_on(store, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
    large = tmp_path / "large.txt"
    large.write_text(FEW.replace("kernel = 1, 2, 3", "kernel = 2, 3, 4").replace("= 2\n", "= 1, 2, 3, 4, 5, 6\n"))
    words = "--backend", "run.sweep.swept_kernels:Stops", "--scope", large, "--store", store
    alone = "--processes", "1", "--timeout", "600"
    process = subprocess.Popen(
        [sys.executable, "-m", "reference_impl", "sweep", *words, *alone],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # this process may be told to ignore it
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "just measured" in line and len(lines) == 2:
            process.send_signal(signal.SIGINT)
    assert process.wait() == ExitStatus.INTERRUPTED
    process.stdout.close()
    told = "".join(lines)
    assert re.search(r"configurations of scope .* agree to the bit on planted", told), told
    assert re.search(r"are still to be judged", told)
    assert "1 distinct bug:" in told
    assert "Interrupted: this is what was found until then." in told
    assert f"To go on: conv2d-reference sweep --resume --store {store}" in told


SWEEP = Sweep("tiny", "1", None, 2, 100, 0, HERE)
TORCH = Backend("torch", "torch", "2.13.0")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"asked": 100, "passed": 100}, "all 100 configurations of scope tiny agree to the bit on torch 2.13.0"),
        (
            {"asked": 60, "passed": 60},
            "all 60 configurations of scope tiny that were judged agree to the bit on torch 2.13.0; "
            "40 of 100 are still to be judged",
        ),
        (
            {"asked": 90, "passed": 90, "unsupported": Counter({"no int8": 10})},
            "all 90 configurations of scope tiny that it offers agree to the bit on torch 2.13.0",
        ),
        (
            {"asked": 100, "passed": 97, "failed": 2, "known": 1},
            "97 of 100 configurations of scope tiny agree to the bit on torch 2.13.0; 2 fail; "
            "1 fails as known_failures/ expects",
        ),
        (
            {"asked": 90, "passed": 90, "unasked": Counter({"too many died": 10})},
            "all 90 configurations of scope tiny that were judged agree to the bit on torch 2.13.0",
        ),
        (
            {"asked": 99, "passed": 99, "doubts": ["the definition says 3"]},
            "all 99 configurations of scope tiny that were judged agree to the bit on torch 2.13.0; 1 is undecided",
        ),
        ({"unsupported": Counter({"no int8": 100})}, "nothing was judged on torch 2.13.0"),
    ],
)
def test_claim_says_no_more_than_was_judged(changes, text):
    assert claim(SWEEP, TORCH, replace(Totals(), **changes)) == text


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"asked": 9, "passed": 9}, ExitStatus.PASSED),
        ({"asked": 9, "passed": 8, "known": 1}, ExitStatus.PASSED),
        ({"asked": 9, "passed": 8, "failed": 1}, ExitStatus.FAILED),
        ({"asked": 9, "passed": 8, "failed": 1, "doubts": ["one"]}, ExitStatus.ORACLE_IS_SUSPECT),
        ({"asked": 9, "passed": 9, "unasked": Counter(one=1)}, ExitStatus.JUDGED_TOO_LITTLE),
        ({}, ExitStatus.JUDGED_TOO_LITTLE),
    ],
)
def test_exit_status_follows_from_the_totals(changes, status):
    assert exit_status([replace(Totals(), **changes)]) == status


def test_progress_is_told_in_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("reference_impl.sweep.progress._BETWEEN", 0.0)
    with SweepProgress(1000, 5000, seconds_left=7200) as progress:
        progress.add(2000, 3)
    assert re.fullmatch(
        r"3,000 of 5,000 configurations, [\d,]+ a second, \d+ seconds? left, 3 distinct bugs\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (40, "40 seconds"), (100, "2 minutes"), (7200, "2 hours"), (200_000, "2 days")],
)
def test_duration_is_told_in_words(seconds, text):
    assert duration(seconds) == text
