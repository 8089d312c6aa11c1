"""One run of `verify`: make the calls, explain the failures, write what was asked for, and end with a status."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import typer

from .console import PlainConsole
from .options import BadUsage
from .report.expected_failures import ExpectedFailures
from .report.failures import Illustrate, explained
from .report.judged import Judged, exit_status
from .report.junit import write_junit
from .report.progress import progress
from .report.verify_report import FirstFailure, Run, counts_as_failure
from .run.outcome import Record
from .run.processes.memory import collect_rarely
from .run.records import records_of
from .stopping import status_of


def make(
    run: Run,
    processes: int,
    time_limit: float,
    illustrate: Illustrate | None,
    expecting: ExpectedFailures,
    *,
    first: bool,
    quiet: bool,
) -> None:
    """Make every call, and explain the failures. A signal, or an error of ours, ends the run but loses no record."""
    asked, tally = run.asked, run.tally
    collect_rarely()
    try:
        with progress(len(asked.cases), asked.turns, tally, quiet=quiet) as show:

            def advance() -> None:
                run.made += 1
                show()

            records = records_of(asked, processes=processes, time_limit=time_limit, advance=advance)
            _take(run, expecting.marked(records), first=first)
        del records  # ends the processes, if it is not at its end
        tally.suspect_the_oracle()
        run.found = explained(tally, run.subjects, isolate=processes > 0, illustrate=illustrate)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            tally.suspect_the_oracle()
        run.ended, run.found = error, explained(tally, run.subjects, diagnosed=False)


def _take(run: Run, records: Iterator[Record], *, first: bool) -> None:
    """Add the records to the tally, up to the `first` failure that counts."""
    for record in records:
        run.tally.add(record)
        if first and counts_as_failure(record, robustness=run.robustness):
            run.made += 1  # the call of this record
            run.ended = FirstFailure()
            return


def junit_written(path: Path | None, run: Run) -> OSError | None:
    """Write the JUnit XML, if a file is given. Return the error if that fails."""
    try:
        if path is not None:
            write_junit(path, run.tally)
    except OSError as error:
        return error
    return None


def end(
    console: PlainConsole, run: Run, counts: list[Judged], unwritten: OSError | None, unpaged: Exception | None
) -> NoReturn:
    """End with the status of the run. docs/verdicts.md lists them."""
    if unwritten is not None:
        raise BadUsage(f"the records could not be written: {unwritten}", "--json")
    if isinstance(unpaged, OSError):
        raise BadUsage(f"the page could not be written: {unpaged}", "--report")
    for error in (unpaged, run.ended if run.is_broken else None):
        if error is not None:
            traceback.print_exception(error)
    if isinstance(run.ended, KeyboardInterrupt):
        raise typer.Exit(status_of(run.ended))
    status = exit_status(run.tally, counts, broken=run.is_broken or unpaged is not None, failed=run.failed)
    raise typer.Exit(console.exit_status(status))
