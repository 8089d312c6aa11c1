"""The JUnit XML of a run, in the schema that pytest writes (xunit2): a test suite a backend, a test case a call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from ..console import plain_name, plain_text
from ..files import write_file
from ..run import outcome
from ..run.outcome import Record
from .failures import failure_text
from .tally import Tally

_ERRORS = (outcome.CRASHED, outcome.SUITE, outcome.ORACLE)
_SKIPPED = {outcome.UNSUPPORTED: "skipped", outcome.KNOWN: "expected to fail"}


def write_junit(path: Path, tally: Tally) -> None:
    """Write a test case for each call, with its worst record. Raises OSError, as `write_file` does."""
    suites = ElementTree.Element("testsuites")
    by_backend: dict[str, list[Record]] = {}
    for record in tally.worst:
        by_backend.setdefault(record.backend, []).append(record)
    for backend, records in by_backend.items():
        suites.append(_suite(backend, records))
    write_file(path, ElementTree.tostring(suites, "utf-8", xml_declaration=True) + b"\n")


def _suite(backend: str, records: Iterable[Record]) -> ElementTree.Element:
    cases = [_case(record) for record in records]
    counts = {kind: sum(one.find(kind) is not None for one in cases) for kind in ("failure", "error", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name=plain_name(backend),
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
    )
    suite.extend(cases)
    return suite


def _case(record: Record) -> ElementTree.Element:
    name = " ".join(filter(None, (record.operation, plain_name(record.spec))))
    case = ElementTree.Element("testcase", classname=plain_name(record.backend), name=name, time="0")
    message = plain_text(record.message or record.diagnosis or "")
    if record.outcome in _SKIPPED:
        ElementTree.SubElement(case, "skipped", type=_SKIPPED[record.outcome], message=message)
    elif record.unexpected:
        first = f"{record.check}: {message}".partition("\n")[0]
        kind = "error" if record.outcome in _ERRORS else "failure"
        ElementTree.SubElement(case, kind, type=record.outcome, message=first).text = failure_text(record)
    return case
