"""Numbers on the pages, measured again: `tox run -e claims`. Each page must say what is measured now.

Counts must be equal, and timings within the factor of their claim. Beside each number, its page names the command.
Numbers that need another machine, or hours, are not here: docs/frameworks.md says when and where they were measured.
tests/docs/test_numbers.py runs the quick claims in every run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tokenize
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from string import ascii_letters

import pytest
from corner_kernels.wrong import CONJUNCTIONS, THRESHOLDS

import reference_impl
from reference_impl.cases import catalogue
from reference_impl.cases.covering.claim import claim as covered
from reference_impl.cases.covering.claim import combinations_of_factors, share_of_values
from reference_impl.cases.narrowing import TRIED
from reference_impl.drawing.figures import MOST_FRAMES
from reference_impl.drawing.view import MOST_ACROSS
from reference_impl.mistakes import MISTAKES
from reference_impl.operations import OPERATIONS
from reference_impl.run.enough import FEWEST
from reference_impl.run.processes.guarded_arrays import GUARD
from reference_impl.run.sweep.asking import (
    MOST_DEADLY,
    MOST_DEADLY_IN_ALL,
    MOST_DEADLY_LATER,
    MOST_HUNG_IN_ALL,
    TOGETHER,
)
from reference_impl.run.sweep.judging import RIGHT_AGAIN
from reference_impl.run.sweep.scope import Scope
from reference_impl.sweep.distinct import MOST_COUNTED, MOST_FAILURES, MOST_PASSES
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.invalid_calls import INVALID_CALLS
from reference_impl.verdicts.second_opinion import MOST_PRODUCTS

ROOT = Path(__file__).parents[1]
_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
HARMLESS = ("refused", "not refused", "or not")  # outcomes of findings that are neither a wrong answer nor a death


@dataclass(frozen=True)
class Claim:
    """A number that a page says, or several in one place, and how they are measured."""

    page: str
    says: str  # a pattern with a group for each number
    measure: Callable[[], tuple[float, ...]]
    factor: float = 1  # the page may be off by so much; 1: it must be exact

    def check(self, text: str) -> None:
        """Raise AssertionError unless `text` says the numbers once, and they are what is measured."""
        found = re.findall(self.says, text)
        assert len(found) == 1, f"{self.page} must say {self.says!r} once; it does so {len(found)} times"
        groups = found[0] if isinstance(found[0], tuple) else found
        said = tuple(float(number.replace(",", "")) for number in groups)
        measured = self.measure()
        far = [pair for pair in zip(said, measured, strict=True) if not near(*pair, self.factor)]
        assert not far, f"{self.page} says {said} in {self.says!r}, but {measured} was measured; factor {self.factor}"


def near(said: float, measured: float, factor: float) -> bool:
    """Say whether two numbers are equal or, if `factor` is above 1, within that factor of each other."""
    return said == measured or measured / factor <= said <= measured * factor


def findings(framework: str) -> tuple[int, int]:
    """Count the rows of a framework on docs/findings.md, and those that are a wrong answer or a death."""
    name, outcomes = "", []
    for row in re.findall(r"^\| (.*) \|$", ROOT.joinpath("docs/findings.md").read_text("utf-8"), re.MULTILINE):
        first, *_, outcome = re.split(r"(?:^| )\| ", row)
        name = first or name
        if name.startswith(f"[{framework} "):
            outcomes.append(outcome)
    harmful = [words for words in outcomes if not all(word.startswith(HARMLESS) for word in words.split(", "))]
    return len(outcomes), len(harmful)


def routes(framework: str) -> tuple[int]:
    """Count the routes of a framework in the table of `verify`, which `test_table_of_verify` holds."""
    rows = table("docs/backends.md", "backend")
    return (sum(row.startswith((f"`{framework}`", f"`{framework}:")) for row in rows),)


def table(page: str, corner: str) -> list[str]:
    """List the rows of the first table of a page whose first column is headed `corner`. A row is its text."""
    text = ROOT.joinpath(page).read_text("utf-8")
    rows = re.search(rf"^\| {re.escape(corner)} \|.*\n\|[-|]*\|\n((?:\|.*\n)*)", text, re.MULTILINE)[1]
    return [row.strip("| ") for row in rows.splitlines()]


def searched(row: str) -> tuple[int, int]:
    """Number of calls in a row of the environments of docs/frameworks.md, and of the environments that it names."""
    text = ROOT.joinpath("docs/frameworks.md").read_text("utf-8")
    names, calls = re.search(
        rf"^\| {row} \| ((?:`avx`|default)[^|]*) \|.*?\| ([\d,]+) \| \d[^|]*\|[^|]*\|$", text, re.MULTILINE
    ).groups()
    return int(calls.replace(",", "")), names.startswith("default") + names.count("`") // 2


def designed(name: str) -> tuple[int, float]:
    """Number of cases in a catalogue, and of their multiply-adds, in millions."""
    cases = catalogue.load(name)
    return len(cases), round(sum(case.multiply_adds for case in cases) / 1e6, 1)


def version(package: str) -> tuple[int, ...]:
    """Version of a package in constraints.txt, as numbers."""
    found = re.findall(rf"^{package}==([\d.]+)", ROOT.joinpath("constraints.txt").read_text("utf-8"), re.MULTILINE)
    return tuple(map(int, found[0].split(".")))


def of_scopes() -> tuple[int, ...]:
    """Number of configurations in each named scope."""
    return tuple(Scope.named(name).configurations for name in ("tiny", "small", "medium"))


def feasible(strength: int) -> tuple[int]:
    """Number of feasible combinations of any `strength` factors."""
    return (int(combinations_of_factors(strength).feasible.sum()),)


def small_catalogues() -> tuple[int]:
    """Number of curated and regression cases."""
    return (len(catalogue.load("curated")) + len(catalogue.load("regressions")),)


def integer_vectors() -> int:
    """Number of vectors on integers that `export` writes by default. Each has a twin on real data."""
    return len(catalogue.load("smoke")) * len(OPERATIONS)


def lines_of_the_oracle() -> tuple[int, int]:
    """Lines of the files that docs/oracle.md lists to be read, and those of them that are code."""
    text = ROOT.joinpath("docs/oracle.md").read_text("utf-8")
    names = re.findall(r"\]\(\.\./(\S+)\)", re.search(r"\nTo read the oracle.*?\n\n", text, re.DOTALL)[0])
    sources = [ROOT.joinpath(name).read_text("utf-8") for name in names if not name.endswith("minimal.py")]
    return sum(len(source.splitlines()) for source in sources), sum(map(_lines_of_code, sources))


def _lines_of_code(source: str) -> int:
    """Number of lines that are neither blank, nor comment, nor docstring."""
    used: set[int] = set()
    begins = True
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type in _NO_CODE:
            begins = begins or token.type == tokenize.NEWLINE
        elif not (begins and token.type == tokenize.STRING):
            used.update(range(token.start[0], token.end[0] + 1))
            begins = False
    return len(used)


def seconds_of_the_oracle(name: str) -> tuple[float]:
    """Processor time of the oracle for a catalogue, in all four operations."""
    seconds = 0.0
    for call in (integer_call(case, operation, 0) for case in catalogue.load(name) for operation in OPERATIONS):
        begin = time.process_time()
        call.run(reference_impl)
        seconds += time.process_time() - begin
    return (seconds,)


INVALID = (sum(len(call.operations) for call in INVALID_CALLS),)
_COUNTS = r"(?: \| [\d,]+){2} \| (\d+) \| (\d+) \|"  # calls and environments, then findings
CLAIMS = (
    *(
        Claim("README.md", rf"\| {name} [\d.]+(?:, \d+ routes)?{_COUNTS}", partial(findings, name))
        for name in ("PyTorch", "TensorFlow", "ONNX Runtime", "MLX", "JAX")
    ),
    *(
        Claim("README.md", rf"\| {name}[^|]* \| ([\d,]+) \| (\d+) \|", partial(searched, row))
        for name, row in {
            "PyTorch": r"`torch:\*`",
            "TensorFlow": r"`tensorflow:\*`",
            "ONNX Runtime": r"`onnxruntime:\*`",
            "MLX": "`mlx`",
            "JAX": r"`jax:\*`",
        }.items()
    ),
    *(
        Claim("README.md", rf"\| {name} [\d.]+, (\d+) routes", partial(routes, name.lower().replace("py", "")))
        for name in ("PyTorch", "TensorFlow")
    ),
    *(
        Claim(page, says, lambda: (len(MISTAKES),))
        for page, says in {
            "README.md": r"(\d+) known wrong",
            "docs/mistakes.md": r"^# Mistakes\n\n(\d+) wrong",
            "docs/statement.md": r"each of (\d+) mistakes",
        }.items()
    ),
    *(
        Claim(page, says, lambda: INVALID)
        for page, says in {
            "docs/backends.md": r"of (\d+) invalid calls",
            "docs/verdicts.md": r"(\d+) calls that are no convolution",
            "docs/frameworks.md": r"94 and 91 of (\d+)",
        }.items()
    ),
    *(
        Claim("docs/cases.md", rf"\| (\d[\d,]*) \(`{name}`\) \| ([\d.]+) million", partial(designed, name))
        for name in ("covering-2", "covering", "covering-4", "values")
    ),
    *(
        Claim(page, rf"{word} (\d+)\.(\d+)\.(\d+){after}", partial(version, package))
        for page, word, after, package in (
            ("README.md", r"\| PyTorch", ",", "torch"),
            ("README.md", r"\| TensorFlow", ",", "tensorflow"),
            ("README.md", r"\| ONNX Runtime", r" \|", "onnxruntime"),
            ("README.md", r"\| MLX", r" \|", "mlx"),
            ("README.md", r"\| JAX", r" \|", "jax"),
            ("docs/backends.md", "TensorFlow", "", "tensorflow"),
            ("docs/backends.md", "PyTorch", "", "torch"),
        )
    ),
    *(
        Claim("docs/cases.md", rf"any {strength} factors \| ([\d,]+) \|", partial(feasible, strength))
        for strength in (2, 3)
    ),
    Claim("docs/cases.md", r"any 2 values \| ([\d,]+) \|", lambda: (share_of_values(()).feasible,)),
    Claim("docs/cases.md", r"The `ladder` has (\d+) cases", lambda: designed("ladder")[:1]),
    Claim("docs/cases.md", r"`ladder-long` \(([\d,]+) cases\)", lambda: designed("ladder-long")[:1]),
    Claim("docs/cases.md", r"has (\d+) wrong kernels", lambda: (len(CONJUNCTIONS) + len(THRESHOLDS),)),
    Claim("docs/cases.md", r"designs: (\d+) that are wrong", lambda: (len(CONJUNCTIONS),)),
    Claim("docs/cases.md", r"at once, and (\d+) beyond a threshold", lambda: (len(THRESHOLDS),)),
    Claim("docs/sweep.md", r"all ([\d,]+) configurations of scope tiny", lambda: (Scope.named("tiny").configurations,)),
    Claim("docs/sweep.md", r"size and option: ([\d,]+), ([\d,]+) and ([\d,]+)\. The", of_scopes),
    Claim("docs/sweep.md", r"up to ([\d,]+) failures and ([\d,]+) right", lambda: (MOST_FAILURES, MOST_PASSES)),
    Claim("docs/sweep.md", r"it has more than ([\d,]+), on some", lambda: (MOST_COUNTED,)),
    Claim("docs/sweep.md", r"asked last: (\d+) share a process", lambda: (TOGETHER,)),
    Claim(
        "docs/sweep.md",
        r"At most (\d+) of a chunk are asked alone, and (\d+) after the first ([\d,]+);",
        lambda: (MOST_DEADLY, MOST_DEADLY_LATER, MOST_DEADLY_IN_ALL),
    ),
    Claim("docs/sweep.md", r"three times in a chunk, and (\d+) times in", lambda: (MOST_HUNG_IN_ALL,)),
    Claim("docs/sweep.md", r"one in (\d+) is asked once more", lambda: (RIGHT_AGAIN,)),
    Claim("docs/draw.md", r"all positions, at most (\d+):", lambda: (MOST_FRAMES,)),
    Claim("docs/draw.md", r"more than (\d+) products", lambda: (len(ascii_letters),)),
    Claim("docs/draw.md", r"most (\d+) positions, .* at most (\d+) rows", lambda: (MOST_ACROSS, MOST_ACROSS)),
    Claim("docs/verdicts.md", r"regression cases: (\d+) a\ndtype", small_catalogues),
    Claim("docs/verdicts.md", r"guard zones of (\d+) bytes", lambda: (GUARD,)),
    Claim("docs/verdicts.md", r"\n([\d,]+) products in all", lambda: (MOST_PRODUCTS,)),
    Claim("docs/verdicts.md", r"elements of more than ([\d,]+) products", lambda: (MOST_PRODUCTS,)),
    Claim("docs/verdicts.md", r"If (\d+) tries find no more", lambda: (TRIED,)),
    Claim("docs/verdicts.md", r"fewer than (\d+) calls were judged", lambda: (FEWEST,)),
    Claim("docs/vectors.md", r"(\d+) of (\d+) integer vectors", lambda: (integer_vectors(), integer_vectors())),
    Claim(
        "docs/statement.md",
        r"These are (\d+) vectors, (\d+) of each",
        lambda: (2 * integer_vectors(), 2 * integer_vectors() // len(OPERATIONS)),
    ),
    Claim("README.md", r"All ([\d,]+) configurations of the scope", lambda: (Scope.named("tiny").configurations,)),
    Claim("docs/your-kernel.md", r"has (\d+) classes", lambda: (len([*ROOT.glob("examples/kernels/*.py")]) - 1,)),
    Claim("docs/backends.md", r"It has (\d+) ways", lambda: (sum(routes("tensorflow") + routes("torch")),)),
)
# These take longer, or change with every edit of the code: `tox run -e claims` alone measures them.
FURTHER = (
    Claim("docs/oracle.md", r"files have ([\d,]+) lines\. ([\d,]+) of them", lines_of_the_oracle),
    Claim("docs/cases.md", r"any 4 factors \| ([\d,]+) \|", partial(feasible, 4)),
    Claim("docs/cases.md", r"takes (\d+) second of", partial(seconds_of_the_oracle, "ladder"), factor=4),
    Claim("docs/cases.md", r"first, and (\d+) seconds for", partial(seconds_of_the_oracle, "ladder-long"), factor=4),
)


def of_page(claim: Claim) -> str:
    return f"{claim.page}: {claim.says}"


@pytest.mark.parametrize("claim", [*CLAIMS, *FURTHER], ids=of_page)
def test_page_says_what_is_measured(claim):
    claim.check(ROOT.joinpath(claim.page).read_text("utf-8"))


def test_page_of_cases_has_the_claim_of_the_catalogues():
    cases = [*catalogue.load("covering"), *catalogue.load("values")]
    assert f"    {covered(cases)}\n" in ROOT.joinpath("docs/cases.md").read_text("utf-8")


def printed(*words: str, path: str = "") -> list[list[str]]:
    """Run a command, which also imports from `path`. Return its lines, each parted where it has two blanks or more."""
    found = os.pathsep.join([str(ROOT), str(ROOT / path), os.environ.get("PYTHONPATH", "")])
    asked = {**os.environ, "PYTHONPATH": found}
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]


def missing(rows: list[str], lines: list[list[str]]) -> list[str]:
    """List the rows of a page whose cells are not those of a printed line. First cells may differ in their marks."""
    there = {tuple(line[1:]) for line in lines}
    return [row for row in rows if tuple(re.split(r" \| ", row)[1:]) not in there]


def test_page_of_verdicts_has_the_table_of_tolerances():
    rows = table("docs/verdicts.md", "verdict (rtol, atol)")
    assert missing(rows, printed("benchmarks/tolerances.py")) == []


def row_of_designs(line: list[str]) -> str:
    """Write a line of benchmarks/covering.py as the cells of docs/cases.md after the first."""
    number, products, *caught = " ".join(line[1:]).replace(" M", "").split()[:4]
    shares = ["all" if share == "100.0%" else share.replace("%", " %") for share in line[-4:]]
    return " | ".join([f"{int(number):,}", products, *(f"{float(kernels):g}" for kernels in caught), *shares])


def test_page_of_cases_has_the_table_of_designs():
    lines = [line for line in printed("benchmarks/covering.py", path="tests") if line[-1].endswith("%")]
    rows = [row.partition(" | ")[2] for row in table("docs/cases.md", "cases")]
    assert rows == [row_of_designs(line) for line in lines]


def alike(row: list[str], line: list[str]) -> bool:
    """True if the cells are equal, but for two known failures that may come and go, as the page says."""
    counts = [
        [Counter({mark: int(number) for mark, number in re.findall(r"([a-z]?)(\d+)", cell)}) for cell in cells[1:]]
        for cells in (row, line)
    ]
    steady = [[(one[""] + one["k"], one["u"]) for one in cells] for cells in counts]
    return steady[0] == steady[1] and all(_may_move(old, new) for old, new in zip(*counts))


def _may_move(old: Counter, new: Counter) -> bool:
    """True if at most two known failures came or went. Some of these may be composed calls, which "c" counts."""
    gone, composed = old["k"] - new["k"], new["c"] - old["c"]
    return abs(gone) <= 2 and min(gone, 0) <= composed <= max(gone, 0)


@pytest.mark.parametrize(
    ("row", "line", "expected"),
    [
        ("a | 10 k3", "a | 10 k3", True),
        ("a | 10 k3", "a | 11 k2", True),
        ("a | 10 k3", "a | 13", False),
        ("a | 10 k3 u1", "a | 10 k3 u2", False),
        ("a | 10 c3", "a | 11 c2", False),
        ("a | 10 c3 k3", "a | 11 c4 k2", True),
        ("a | 10 c3 k3", "a | 11 c2 k2", False),
        ("a | 10 | 9", "a | 10", False),
        ("a | 10", "", False),
    ],
)
def test_cells_are_alike_but_for_failures_that_come_and_go(row, line, expected):
    assert alike(row.split(" | "), line.split(" | ") if line else []) == expected


@pytest.mark.framework("tensorflow")
@pytest.mark.framework("torch")
def test_page_of_backends_has_the_table_of_verify():
    rows = [row.replace("`", "") for row in table("docs/backends.md", "backend")]
    lines = printed("-m", "reference_impl", "verify", "--backend", "all")
    there = {line[0]: line for line in reversed(lines) if len(line) == 5}  # the first table, not those below
    now = "the table of now:\n" + "\n".join(" | ".join(line) for line in there.values())
    assert [row for row in rows if not alike(row.split(" | "), there.get(row.split(" | ")[0], []))] == [], now
    said = "\n".join(" ".join(line) for line in lines)
    text = ROOT.joinpath("docs/backends.md").read_text("utf-8")
    (cases,) = re.findall(r"The ([\d,]+) cases have", text)
    first, second = re.search(r"each refused: TensorFlow (\d+) .*, torch (\d+)\.", text).groups()
    assert f"{cases} cases, {len(rows)} backends," in said
    assert [f"{name} refused {number} of" in said for name, number in (("tensorflow", first), ("torch", second))] == [
        True
    ] * 2
