"""The assertion in the pytest of another project, on torch tensors: it passes, and it fails well."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def _without_digits(line):
    """The line without decimals, which may differ in their last digits on another CPU."""
    return re.sub(r"-?\d+\.\d+(e[+-]\d+)?", "#", line)


@pytest.mark.framework("torch")
def test_foreign_test_file_fails_well(tmp_path):
    file = tmp_path / "test_foreign.py"
    file.write_text(Path(__file__).with_name("foreign.py").read_text("utf-8"), "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = run.stdout
    assert run.returncode == 1, said + run.stderr
    assert re.search("^6 failed, 2 passed", said, re.MULTILINE), said
    flipped, row, order, padding, nan, truncated = re.split(r"^_+ test_\w+ _+$", said, flags=re.MULTILINE)[1:]
    # The first line says what is wrong, and by how much.
    assert re.search(
        r"^E +AssertionError: conv2d is wrong by [\d.e+]+ eps \* gauge: the answer must be", flipped, re.MULTILINE
    )
    assert "*kernel-flipped*: The kernel is rotated by 180 degrees" in flipped
    assert "1e" not in re.search(r"^E +\d+ of 440 elements are wrong", flipped, re.MULTILINE)[0]
    assert "--cases n2_h9w11c3_k3x3o4_s2x1_p1,1,1,1 --operation conv2d" in flipped
    assert re.search(r"^E +88 of 440 elements are wrong", row, re.MULTILINE)
    assert "they lie: the last row only" in row
    assert "the answer's shape must be (2, 4, 5, 11), not (2, 5, 11, 4)" in order
    assert "it has the sizes of the right answer in the order NHWC; NCHW is declared" in order
    assert "the answer's shape must be (2, 4, 5, 11), not (2, 4, 4, 9)" in padding
    assert "it fits the known mistake" in padding
    assert "conv2d is wrong: NaN and infinities must reach exactly the elements whose sums they enter" in nan
    assert "it fits: NaN and infinities are taken as zero" in nan
    assert "lean toward zero" in truncated
    page = Path(__file__).parents[2].joinpath("docs/testing.md").read_text("utf-8")
    shown = [line for line in page.splitlines() if line.startswith("E  ")]
    printed = {_without_digits(line) for line in said.splitlines()}
    assert len(shown) > 9
    assert [line for line in shown if _without_digits(line) not in printed] == []
    # The report ends in the line of the test, and not in ours.
    assert not re.search(r"reference_impl/testing/\w+\.py:\d+", said)
