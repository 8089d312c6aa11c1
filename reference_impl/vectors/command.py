"""`python -m reference_impl export`: golden vectors; and the judge of a program's results for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from ..cases import catalogue
from ..cases.case import DTYPES, Case
from ..console import PlainConsole, plain_text
from ..files import check_writable
from ..operations import OPERATIONS
from ..options import BadUsage, one_of
from ..run import outcome
from ..run.choice import EXPORTED
from ..run.spread import in_dtypes
from ..stopping import status_of, stop_signals
from . import archive as archiving
from . import array_files, manifest
from . import compare as comparing
from . import export as exporting
from .array_files import BadFile
from .compare import MEANING, Judged
from .matching import Matches

_MOST_SHOWN = 20
_COLUMNS = (outcome.PASS, outcome.MISTRUSTED, outcome.FAIL, comparing.UNREADABLE, comparing.MISSING)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to fill, new or empty.")],
    cases: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A catalogue ({', '.join(catalogue.NAMES)}), a file with a spec on each line, or a spec. Default: "
            f"{', '.join(EXPORTED)}, the few cases that see every known mistake. May be repeated."
        ),
    ] = None,
    operation: Annotated[
        list[str] | None, typer.Option(help="One of the four operations. Default: all. May be repeated.")
    ] = None,
    dtype: Annotated[
        list[str] | None, typer.Option(help="The dtype of float32 cases. Default: float32. May be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of all data.")] = 0,
    format: Annotated[str, typer.Option(help="The files: npz, text (numbers that scanf reads) or onnx.")] = "npz",
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE.tar", help="Also write the folder as one file, whose hash can be cited."),
    ] = None,
) -> None:
    """Write golden vectors: calls and their exact answers as files, for kernels in any language (docs/vectors.md).

    Exit status: 0, or 2 for bad usage.
    """
    operations = one_of(operation, OPERATIONS, "--operation") or OPERATIONS
    dtypes = one_of(dtype, DTYPES, "--dtype") or ("float32",)
    _check_archive(archive)
    one_of([format], (*array_files.SUFFIXES, array_files.ONNX), "--format")
    chosen = in_dtypes(_cases(cases or EXPORTED), dtypes)
    try:
        with stop_signals():
            vectors, left_out = exporting.export(folder, chosen, operations, seed, format)
            if archive is not None:
                archiving.write(folder, archive)
    except (ImportError, OSError, ValueError) as error:
        raise BadUsage(error) from error
    except KeyboardInterrupt as stopped:
        raise typer.Exit(status_of(stopped)) from stopped
    console = PlainConsole()
    for reason, calls in Counter(one.reason for one in left_out).items():
        console.print(f"{calls} calls left out: {reason}", soft_wrap=True)
    console.verdict(f"{len(vectors)} vectors and {manifest.NAME} written to {folder}")
    if archive is not None:
        console.verdict(f"{manifest.sha256(archive)}  {archive}")
    raise typer.Exit(console.exit_status())


def judge_results(folder: Path, results: Path) -> None:
    """Judge the results that a program wrote for golden vectors, and end the command: `compare DIR RESULTS`."""
    if not results.is_dir():
        raise BadUsage(f"RESULTS must be a folder; there is none at {results}")
    try:
        judged = list(comparing.compare(folder, results))
        others = comparing.foreign([one.vector for one in judged], results)
    except (BadFile, ImportError, OSError) as error:
        raise BadUsage(error) from error
    console = PlainConsole()
    console.print(_table(judged))
    failed = sorted((one for one in judged if not one.passed), key=_order)
    matches = Matches.of(failed, lambda one: comparing.read_call(folder, one.vector))
    for one in failed[:_MOST_SHOWN]:
        console.print(_text(one, matches), style="red", soft_wrap=True)
    if len(failed) > _MOST_SHOWN:
        console.print(f"... and {len(failed) - _MOST_SHOWN} more.")
    for name in others:
        console.print(f"Not judged, as the manifest names no such result: {name}", soft_wrap=True)
    console.verdict(_summary(judged))
    raise typer.Exit(console.exit_status(1 if failed else 0))


def _check_archive(archive: Path | None) -> None:
    try:
        if archive is not None:
            check_writable(archive)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--archive") from error


def _cases(words: Sequence[str]) -> list[Case]:
    try:
        return [case for word in words for case in catalogue.resolve(word)]
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--cases") from error


def _table(judged: list[Judged]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("operation", no_wrap=True)
    columns = [word for word in _COLUMNS if any(one.outcome == word for one in judged)]
    for head in (*columns, "worst ratio"):
        table.add_column(head, justify="right")
    for operation in OPERATIONS:
        here = [one for one in judged if one.vector.operation == operation]
        counts = Counter(one.outcome for one in here)
        ratios = [one.ratio for one in here if one.passed and one.ratio is not None]
        if here:
            cells = [str(counts[word] or "") for word in columns]
            table.add_row(operation, *cells, f"{max(ratios):.3g}" if ratios else "")
    return table


def _order(judged: Judged) -> tuple[int, bool]:
    """Sort wrong results before missing ones, and integers, which prove more, before real data."""
    return _COLUMNS.index(judged.outcome), not judged.vector.is_integer


def _text(judged: Judged, matches: Matches) -> str:
    """Return which result, of which call, is wrong and how, in the form of `verify`'s failures."""
    vector = judged.vector
    if judged.outcome == comparing.MISSING:
        return f"MISSING  {judged.path}: each vector must have a result, and this one has none"
    lines = [
        f"{judged.outcome.upper()}  {judged.path}: {vector.operation} on {vector.case}",
        f"check: {judged.check} ({MEANING[judged.outcome]}); {vector.data} data",
        *plain_text(judged.message).splitlines(),
        *matches.lines(judged),
    ]
    return "\n    ".join(lines) + "\n"


def _summary(judged: list[Judged]) -> str:
    counts = Counter(one.outcome for one in judged)
    said = ", ".join(f"{counts[word]} {word}" for word in _COLUMNS if counts[word])
    return f"{len(judged)} vectors: {said}."
