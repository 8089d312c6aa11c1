"""Each backend is given its cases, dtypes and share of them."""

from __future__ import annotations

from planted import Flipped, Right

from reference_impl.cases.case import Case
from reference_impl.cases.generation import generate
from reference_impl.conformance import Capabilities
from reference_impl.operations import OPERATIONS
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all, in_dtypes, takes
from reference_impl.run.subject import Subject

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3")


def test_share_gives_about_that_part_and_full_gives_all():
    class Compiling(Right):
        capabilities = Capabilities(share=0.25)

    subject = Subject.of(Compiling())
    cases = generate(200, 0)
    part = [case for case in cases if takes(subject, case, 0)]
    assert 30 <= len(part) <= 70
    records = list(records_of(for_all([subject], cases[:20], ("conv2d",), full=True)))
    assert len({record.case for record in records}) == 20


def test_backend_is_given_no_dtype_that_it_does_not_offer_unless_full():
    case = CASE.with_dtype("int32")
    subject = Subject.of(Right())
    assert list(records_of(for_all([subject], [case]))) == []
    records = list(records_of(for_all([subject], [case], full=True)))
    assert {record.message for record in records} == {"offers no int32"}


def test_in_dtypes_spreads_float32_cases_and_leaves_others():
    cases = [CASE, CASE.with_dtype("float16")]
    spread = [case.dtype for case in in_dtypes(cases, ("float32", "int32"))]
    assert spread == ["float32", "int32", "float16"]


def test_judge_here_counts_every_turn():
    turns = []
    subjects = [Subject.of(Right()), Subject.of(Flipped())]
    records = list(records_of(for_all(subjects, [CASE]), advance=lambda: turns.append(1)))
    assert len(turns) == len(subjects) * len(OPERATIONS)
    assert {record.operation for record in records} == set(OPERATIONS)
