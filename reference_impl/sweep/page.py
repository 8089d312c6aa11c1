"""The page of a sweep, for `sweep --report DIR`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from ..bugs import Bug, line
from ..bugs.judged_call import CRASH, HANG, REFUSED
from ..console import plain_name
from ..operations import OPERATIONS
from ..report.answer import KNOWN, LITTLE, RIGHT, SUSPECT, WORDS, WRONG, Answer, summary
from ..report.page.calls import packed
from ..report.page.content import BugText, Cell, Page, Row, Table
from ..report.page.verify_page import facts, parts_of
from ..run import outcome
from ..run.outcome import Record
from ..run.subject import Subject
from ..run.sweep.judging import Failure
from ..run.sweep.store import Backend, Totals
from .claim import claim, details
from .distinct import Found, Swept
from .reports import Reproducers, is_of, seen

# So many failures are listed, and so many bugs have a reproducer, which takes seconds each to run.
_MOST_LISTED, _MOST_REPRODUCERS = 200_000, 8
_OUTCOMES = {CRASH: outcome.CRASHED, HANG: outcome.CRASHED, REFUSED: outcome.REFUSED}


def page_of(
    backends: Sequence[Backend],
    description: str,
    found: Found,
    swept: Swept,
    reproducers: Reproducers | None,
    *,
    ended: str = "",
) -> Page:
    """Make the page. `ended` says how the sweep ended early; without `reproducers`, no script is run."""
    store = swept.store
    totals = {one.argument: store.totals(one.argument) for one in backends}
    told = sorted(
        (_answer(one, totals[one.argument], claim(store.sweep, one, totals[one.argument])) for one in backends),
        key=lambda answer: WORDS.index(answer.word),
    )
    names = [one.name for one in backends]
    all_failures = sum(one.failed + one.known for one in totals.values())
    listed = min(all_failures, _MOST_LISTED)
    left_out = "Calls that passed are not listed: a sweep does not keep them."
    if listed < all_failures:
        left_out += f" Of {all_failures:,} failures, the first {listed:,} are listed."
    return Page(
        command="sweep",
        summary=summary(told),
        answers=told,
        notes=[ended] if ended else [],
        columns=("all operations", *OPERATIONS),
        rows=list(_rows(backends, totals, swept)),
        bugs=list(_bugs(found, swept, reproducers)),
        covered=[one.said for one in told] + list(details(store, backends, description))[:2],
        not_covered=_not_covered(swept, found, totals),
        coverage=_reasons(backends, totals),
        facts=facts(((one.name, one.version) for one in backends), store.sweep.machine),
        calls=packed(islice(_records(swept), listed), names, left_out=left_out) if listed else None,
    )


def _answer(backend: Backend, totals: Totals, claimed: str) -> Answer:
    word = RIGHT
    if totals.doubts:
        word = SUSPECT
    elif totals.failed:
        word = WRONG
    elif totals.unasked or not totals.asked:
        word = LITTLE
    elif totals.known:
        word = KNOWN
    return Answer(f"{plain_name(backend.name)} {plain_name(backend.version)}", word, claimed)


def _rows(backends: Sequence[Backend], totals: dict[str, Totals], swept: Swept) -> Iterator[Row]:
    for number, one in enumerate(backends):
        subject, sums = swept.subjects[one.argument], totals[one.argument]
        failed: Counter[tuple[str, str]] = Counter()
        for _, failure in swept.store.failures(one.argument):
            failed[failure.call.operation, _outcome(failure)] += 1
        of_all = {outcome.PASS: sums.passed, outcome.FAIL: sums.failed, outcome.KNOWN: sums.known}
        of_all |= {outcome.UNSUPPORTED: sums.unsupported.total(), outcome.SUITE: sums.unasked.total()}
        cells = [Cell(of_all)]
        for operation in OPERATIONS:
            counts = {kind: count for (name, kind), count in failed.items() if name == operation}
            cells.append(Cell(counts, failures_only=True))
        yield Row(plain_name(subject.route), one.version, subject.environment or "", cells, number)


def _outcome(failure: Failure) -> str:
    return outcome.KNOWN if failure.known is not None else _OUTCOMES.get(failure.call.outcome, outcome.FAIL)


def _records(swept: Swept) -> Iterator[Record]:
    """Yield a record for each failure."""
    for argument, subject in swept.subjects.items():
        for _, failure in swept.store.failures(argument):
            yield Record(
                subject.name,
                subject.version,
                failure.call.operation,
                str(failure.call.case),
                "exact",
                _outcome(failure),
                message="\n".join(filter(None, (failure.known, failure.message))),
                seed=swept.store.sweep.seed,
                argument=argument,
                environment=subject.environment,
                implementation=failure.call.implementation,
            )


def _bugs(found: Found, swept: Swept, reproducers: Reproducers | None) -> Iterator[BugText]:
    for number, bug in enumerate(found.bugs):
        subject = next(one for one in swept.subjects.values() if is_of(bug.smallest, one))
        tried = reproducers.of(bug) if reproducers is not None and number < _MOST_REPRODUCERS else None
        failure = swept.failure(bug.smallest, subject)
        title, counted = parts_of(line(bug))
        yield BugText(
            backend=f"{plain_name(subject.name)} {plain_name(subject.version)}",
            title=title,
            facts=counted,
            message=failure.message if failure else "",
            diagnosis=bug.diagnosis or "",
            implementation=", ".join(bug.implementations),
            command=_command(bug, subject, swept.store.sweep.seed),
            script=tried.text if tried else "",
            script_note=f"This reproducer uses the framework alone. {seen(tried)}." if tried else "",
        )


def _command(bug: Bug, subject: Subject, seed: int) -> str:
    case, operation = bug.smallest.case, bug.smallest.operation
    start = f"conv2d-reference verify --backend {shlex.quote(subject.argument or subject.name)}"
    return f"{start} --cases {case} --operation {operation} --check exact --seed {seed}"


def _not_covered(swept: Swept, found: Found, totals: dict[str, Totals]) -> list[str]:
    sweep = swept.store.sweep
    said = ["Checks other than exact were not made: verify makes them."]
    if sweep.configurations is None:
        said.append(f"The scope {sweep.scope} has no end.")
    for argument, sums in totals.items():
        left = 0 if sweep.configurations is None else sweep.configurations - sums.configurations
        if left:
            name = plain_name(swept.subjects[argument].name)
            said.append(f"{name}: {left:,} of {sweep.configurations:,} configurations are still to be judged.")
    if found.calls < found.judged:
        said.append(f"The bugs are counted on {found.calls:,} calls, drawn evenly from {found.judged:,}.")
    return said


def _reasons(backends: Sequence[Backend], totals: dict[str, Totals]) -> list[Table]:
    rows = [
        (plain_name(one.name), f"{count:,}", f"{what}: {reason}")
        for one in backends
        for what, reasons in (
            ("not offered", totals[one.argument].unsupported),
            ("not asked", totals[one.argument].unasked),
        )
        for reason, count in reasons.most_common()
    ]
    heads = ("backend", "configurations", "why")
    return [Table(heads, rows, (False, True, False), "Configurations that were not judged")] if rows else []
