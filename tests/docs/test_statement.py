"""docs/statement.md names tests that exist, and the hash of the golden vectors that this version writes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import reference_impl
from reference_impl.cli import app

ROOT = Path(__file__).parents[2]
STATEMENT = ROOT.joinpath("docs/statement.md").read_text("utf-8")


def hash_of(folder: Path) -> str:
    """Hash of what `sha256sum *.txt` prints in `folder`, as the page's command has it."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.glob("*.txt"))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("statement") / "vectors"
    words = ["export", str(folder), "--format", "text", "--archive", str(folder.with_suffix(".tar"))]
    assert CliRunner().invoke(app, words).exit_code == 0
    return folder


def test_statement_has_the_hashes_of_the_golden_vectors_and_of_their_archive(vectors):
    of_archive = hashlib.sha256(vectors.with_suffix(".tar").read_bytes()).hexdigest()
    assert re.findall(r"^    ([0-9a-f]{64})$", STATEMENT, re.MULTILINE) == [hash_of(vectors), of_archive]
    assert f"These are {len(list(vectors.glob('*.txt')))} vectors" in STATEMENT


def test_hash_differs_if_one_digit_of_one_answer_does(vectors):
    before, (first, *_) = hash_of(vectors), sorted(vectors.glob("*.txt"))
    right = first.read_bytes()
    first.write_bytes(right[:-2] + (b"1\n" if right[-2:] != b"1\n" else b"2\n"))
    try:
        assert hash_of(vectors) != before
    finally:
        first.write_bytes(right)


@pytest.mark.parametrize("name", re.findall(r"`(tests/\S+\.py)`", STATEMENT))
def test_statement_names_tests_that_exist(name):
    assert "def test_" in ROOT.joinpath(name).read_text("utf-8")


def test_statement_is_about_this_version():
    assert f"| reference_impl | {reference_impl.__version__} |" in STATEMENT
