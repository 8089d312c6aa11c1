"""The page of `verify` and `check_backend`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from ...cases.case import PADDING_MODES
from ...console import plain_name, plain_text
from ...operations import OPERATIONS
from ...run import outcome
from ...run.outcome import Record
from ...run.subject import Subject
from ...run.sweep.machine import Machine
from ...stopping import undisturbed
from ...words import counted
from ..answer import Answer, summary
from ..failures import rerun_line, suspicion_text
from ..finding import Finding
from ..judged import Judged
from ..searched import searched
from ..suspicion import machine
from ..tables import AGREED
from ..tally import SLOW, Cells, Tally
from ..verify_report import Run, left_out
from .calls import packed
from .content import NOTED, BugText, Page, Row, Table, total
from .page import write_page
from .plots import accuracy_plots

Pictures = Mapping[tuple, bytes]
"""PNG bytes by `Record.call`."""


def page_of(
    run: Run,
    counts: Sequence[Judged],
    told: Sequence[Answer],
    *,
    pictures: Pictures | None = None,
    notes: Sequence[str] = (),
) -> Page:
    """Make the whole page of a run. `notes` are lines on backends that were not checked."""
    tally, subjects = run.tally, run.subjects
    names = [subject.name for subject in subjects]
    suspect = bool(tally.suspects)
    return Page(
        **_of_every_form(tally, run.asked.operations, subjects, told, run.found, pictures or {}),
        notes=_first_notes(run),
        accuracy=[] if suspect else accuracy_plots(tally.records, names),
        covered=_covered(run, counts),
        not_covered=[*notes, *_narrowed(run, counts), *left_out(run), *_unclaimed(subjects)],
        coverage=_coverage(tally, counts, subjects, run.asked.operations),
        facts=facts((one.name, one.version) for one in subjects),
        calls=packed(tally.records, names),
    )


def write_verify_page(
    folder: Path,
    run: Run,
    counts: Sequence[Judged],
    told: Sequence[Answer],
    *,
    pictures: Pictures,
    notes: Sequence[str] = (),
) -> Exception | None:
    """Write the page of a run. Return the error if that fails, so that the verdict is told all the same."""
    try:
        with undisturbed():
            write_page(folder, page_of(run, counts, told, pictures=pictures, notes=notes))
    except Exception as error:
        return error
    return None


def part_of(
    tally: Tally,
    subjects: Sequence[Subject],
    told: Sequence[Answer],
    found: Mapping[str, Sequence[Finding]],
    judged: str,
) -> Page:
    """Make the part that a notebook shows. `judged` says how many calls were judged."""
    notes = [suspicion_text(tally.suspects, failed=len(tally.unexpected))] if tally.suspects else []
    return Page(**_of_every_form(tally, OPERATIONS, subjects, told, found, {}), notes=notes, covered=[judged])


def _of_every_form(
    tally: Tally,
    operations: Sequence[str],
    subjects: Sequence[Subject],
    told: Sequence[Answer],
    found: Mapping[str, Sequence[Finding]],
    pictures: Pictures,
) -> dict:
    cells = tally.cells()
    return {
        "command": "verify",
        "summary": summary(told),
        "answers": told,
        "columns": operations,
        "rows": [] if tally.suspects else _rows(cells, subjects, operations),
        "legend": _legend(cells),
        "bugs": [_bug(finding, pictures) for mine in found.values() for finding in mine],
    }


def _rows(cells: Cells, subjects: Sequence[Subject], operations: Sequence[str]) -> list[Row]:
    by_operation: dict[tuple[str, str], list[Counter[str]]] = defaultdict(list)
    for (name, operation, _), counts in cells.items():
        by_operation[name, operation].append(counts)
    return [
        Row(
            name=plain_name(subject.route),
            version=plain_name(subject.version),
            environment=plain_name(subject.environment or ""),
            cells=[total(by_operation[subject.name, operation]) for operation in operations],
            backend=number,
            note=f"{subject.capabilities.share:.0%} of the cases" if subject.capabilities.share < 1 else "",
        )
        for number, subject in enumerate(subjects)
    ]


def _legend(cells: Cells) -> str:
    """Explain the words that are in the cells."""
    shown = {name for counts in cells.values() for name, count in counts.items() if count}
    said = [f"{word[0].upper()}{word[1:]}: {_EXPLAINED[name]}." for name, word in NOTED.items() if name in shown]
    return " ".join([AGREED.replace("A number counts the calls that", "Right: the call"), *said])


_EXPLAINED = {
    "composed": "right too, but the adapter composed the call, as the framework has no such mode",
    outcome.KNOWN: "fails as expected of this version",
    outcome.MISTRUSTED: "right, on data that prove little",
    outcome.SUITE: "the suite itself failed",
    SLOW: "not made, as calls take too long or hang",
    outcome.UNSUPPORTED: "the backend declares that it does not offer this",
}


def _bug(finding: Finding, pictures: Pictures) -> BugText:
    record = finding.record
    title, facts = parts_of(finding.line)
    return BugText(
        backend=f"{plain_name(record.backend)} {plain_name(record.version)}",
        title=title,
        facts=[*facts, f"the smallest call of the run that shows it: {record.operation} {plain_name(record.spec)}"],
        robustness=finding.robustness,
        message=record.message or "",
        diagnosis=record.diagnosis or "",
        implementation=record.implementation or "",
        command=rerun_line(record),
        text=finding.text,
        picture=pictures.get(record.call),
    )


def parts_of(line: str) -> tuple[str, list[str]]:
    """Part the line of a bug into its kind with its conditions, and its counts."""
    title, colon, rest = line.partition(": ")
    return " ".join(title.split()), [one.strip() for one in rest.split("; ") if one.strip()] if colon else []


def _first_notes(run: Run) -> list[str]:
    notes = [f"{run.why}: this page shows what was found until then."] if run.ended is not None else []
    if run.tally.suspects:
        notes.append(suspicion_text(run.tally.suspects, failed=len(run.tally.unexpected)))
    return notes


def _covered(run: Run, counts: Sequence[Judged]) -> list[str]:
    calls = f"{sum(one.judged.total() for one in counts):,} of {sum(one.given for one in counts):,} calls were judged"
    said = [
        f"{calls}: {counted(len(run.asked.cases), 'case')}, {counted(len(counts), 'backend')}, seed {run.asked.seed}."
    ]
    if run.asked.fewest > 1 and not run.tally.suspects:
        said += searched(run.tally, run.subjects, run.asked.reached)
    return said


def _narrowed(run: Run, counts: Sequence[Judged]) -> list[str]:
    """Say to what the run was narrowed, and how many calls are unsupported."""
    said = []
    asked = [*run.asked.only, *(run.asked.whole if not run.asked.cases else ())]
    if asked:
        said.append(f"Only these checks were asked: {', '.join(asked)}.")
    if len(run.asked.operations) < len(OPERATIONS):
        said.append(f"Only these operations were asked: {', '.join(run.asked.operations)}.")
    left_out = sum(one.left_out.total() for one in counts)
    if left_out:
        said.append(f"{counted(left_out, 'call')} not made, as calls take too long or hang: the table says why.")
    unsupported = sum(one.lacks.total() for one in counts)
    if unsupported:
        said.append(f"{counted(unsupported, 'call')} of a kind that the backend does not offer: the table says why.")
    return said


def _unclaimed(subjects: Sequence[Subject]) -> list[str]:
    return [
        f"{plain_name(subject.name)} does not claim {name}: {plain_text(why)}"
        for subject in subjects
        for name, why in subject.capabilities.unclaimed.items()
    ]


def _coverage(
    tally: Tally, counts: Sequence[Judged], subjects: Sequence[Subject], operations: Sequence[str]
) -> list[Table]:
    reasons = [
        (plain_name(one.subject.name), f"{number:,}", plain_text(reason))
        for one in counts
        for reason, number in one.reasons.most_common()
    ]
    tables = [_by_padding(tally.cells(), operations), _by_check(tally.records)]
    if reasons:
        heads = ("backend", "calls", "why they were not judged")
        tables.append(Table(heads, reasons, (False, True, False), "Calls that were not judged"))
    return tables


def _by_padding(cells: Cells, operations: Sequence[str]) -> Table:
    judged: Counter[tuple[str, str]] = Counter()
    for (_, operation, mode), found in cells.items():
        judged[operation, mode] += total([found]).judged  # type: ignore[union-attr]
    rows = [(name, *(f"{judged[name, mode]:,}" for mode in PADDING_MODES)) for name in operations]
    numbers = (False, *(True for _ in PADDING_MODES))
    return Table(("operation", *PADDING_MODES), rows, numbers, "Judged calls by padding mode")


def _by_check(records: Iterable[Record]) -> Table:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        found[record.check][record.outcome] += 1
    shown = [name for name in _ORDER if any(counts[name] for counts in found.values())]
    rows = [(check, *(f"{counts[name]:,}" for name in shown)) for check, counts in sorted(found.items()) if check]
    return Table(("check", *shown), rows, (False, *(True for _ in shown)), "Checks by outcome")


_ORDER = (
    outcome.PASS,
    outcome.FAIL,
    outcome.CRASHED,
    outcome.REFUSED,
    outcome.KNOWN,
    outcome.FIXED,
    outcome.MISTRUSTED,
    outcome.ORACLE,
    outcome.SUITE,
    outcome.UNSUPPORTED,
)


def facts(versions: Iterable[tuple[str, str]], judged_on: Machine | None = None) -> list[tuple[str, str]]:
    """List the versions and the machine, as name and value. Routes of a framework have its version."""
    named = dict.fromkeys((re.split("[:@]| \\(", name)[0] or name, version) for name, version in versions)
    said = [line.partition(": ") for line in (judged_on or Machine.here()).lines()]
    return [
        *((plain_name(name), plain_name(version)) for name, version in named),
        *((name if value else "Software", value or name) for name, _, value in said),
        ("The oracle computes with", machine()),
        ("Made at", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
    ]
