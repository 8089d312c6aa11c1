"""The table counts what happened, and a failure's text lets a stranger act."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from planted import Flipped, Right
from rich.console import Console

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities
from reference_impl.console import PlainConsole
from reference_impl.operations import OPERATIONS
from reference_impl.report.failures import explained, failure_text
from reference_impl.report.json_file import write_json
from reference_impl.report.tables import by_padding, print_summary
from reference_impl.report.tally import Tally
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.shares import checks_of
from reference_impl.run.subject import Subject

CASES = [Case.parse(spec) for spec in ("n2_h7w9c3_k3x2o4", "n1_h6w5c2_k2x3o3_SAME", "n1_h4w4c1_k1x1o1_p1,0,2,1")]


def tally_of(backend, cases=CASES, operations=OPERATIONS):
    tally = Tally()
    subject = Subject.of(backend)
    tally.extend(records_of(for_all([subject], cases, operations, seed=3, full=True)))
    return tally, subject


def printed(renderable):
    console = Console(width=100)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_table_has_a_row_for_each_operation_and_padding_mode():
    tally, subject = tally_of(Right())
    text = printed(by_padding(tally.cells(), [subject]))
    for word in (*OPERATIONS, "VALID", "SAME", "EXPLICIT", "planted"):
        assert word in text
    assert "✗" not in text


def test_many_backends_are_rows():
    tally, subject = tally_of(Right())
    others = [replace(subject, name=f"planted:{number}") for number in range(9)]
    records = list(tally.records)
    for other in others:
        tally.extend([replace(record, backend=other.name) for record in records])
    console = PlainConsole(width=80)
    with console.capture() as captured:
        print_summary(console, tally, [subject, *others], OPERATIONS, full=True)
    row, *_ = [line for line in captured.get().splitlines() if "planted:8" in line]
    assert row.split()[1:] == ["3"] * 4


def test_table_shows_failures():
    tally, subject = tally_of(Flipped(), CASES[:1], ["conv2d"])
    assert "✗1" in printed(by_padding(tally.cells(), [subject]))


def test_table_leaves_out_operations_that_nobody_offers():
    tally, subject = tally_of(Right(), CASES[:1])
    lone = replace(subject, capabilities=Capabilities(operations=("conv2d",)))
    assert "conv2d_transpose" in printed(by_padding(tally.cells(), [subject, lone]))
    assert "conv2d_transpose" not in printed(by_padding(tally.cells(), [lone]))


def test_failure_text_says_who_what_where_and_how_to_run_it_again():
    tally, _ = tally_of(Flipped(), CASES[:1], ["conv2d"])
    (record,) = tally.unexpected
    text = failure_text(record)
    for words in (
        "FAIL  planted unversioned: conv2d on n2_h7w9c3_k3x2o4",
        "check: exact",
        "elements are wrong",
        "worst at [",
        "they lie: ",
        "run it again: check_backend(your_backend, ['n2_h7w9c3_k3x2o4'], seed=3)",
    ):
        assert words in text
    named = failure_text(replace(record, argument="planted:Flipped"))
    assert (
        "run it again: python -m reference_impl verify --backend planted:Flipped --cases n2_h7w9c3_k3x2o4 "
        "--operation conv2d --seed 3"
    ) in named


def test_failures_name_one_check_of_each_failing_call():
    tally, _ = tally_of(Flipped())
    # A 1x1 kernel does not show the flip; the filters' gradient has no kernel to flip.
    assert {(record.operation, record.case) for record in tally.unexpected} == {
        (operation, str(case)) for case in CASES[:2] for operation in OPERATIONS if "filter" not in operation
    }
    assert tally.failed == 6


def test_failures_of_one_cause_have_one_text_over_dtypes_and_cases():
    cases = [case.with_dtype(dtype) for case in CASES for dtype in ("float32", "float64")]
    tally, subject = tally_of(Flipped(), cases, ["conv2d_backprop_input"])
    assert tally.failed == 4
    (finding,) = explained(tally, [subject])["planted"]
    assert finding.failed == 4
    assert finding.text.count("run it again") == 1
    assert (
        "matches *kernel-flipped*" in finding.text or "matches *kernel-not-flipped-in-input-gradient*" in finding.text
    )


def test_write_json_has_a_record_for_each_check(tmp_path):
    tally, _ = tally_of(Flipped(), CASES[:1], ["conv2d"])
    write_json(tmp_path / "out.json", tally, {"seed": 3})
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["seed"] == 3
    by_check = {record["check"]: record for record in document["records"]}
    assert set(by_check) == {check.name for check in checks_of(CASES[0])} - {"bias"}  # it takes none
    assert by_check["exact"]["outcome"] == "fail"
    assert by_check["exact"]["ratio"] > 16
    assert set(by_check["exact"]) >= {"backend", "version", "operation", "case", "diagnosis", "message"}


def test_write_json_leaves_the_old_file_when_it_cannot_finish(tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    path.write_text("old")
    monkeypatch.setattr("reference_impl.report.json_file.json.dumps", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_json(path, Tally(), {})
    assert path.read_text() == "old"
