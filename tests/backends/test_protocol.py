"""A declaration is checked when it is made, and its functions when they are asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from planted import Right
from undiagnosed import failures

from reference_impl.backends.promises import PROMISES
from reference_impl.backends.protocol import UNCLAIMABLE, Capabilities, Lack, Misdeclared
from reference_impl.cases.case import DTYPES, Case
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import PRINTS_NOTHING
from reference_impl.run.processes.remote import RemoteCapabilities
from reference_impl.run.selection import CHECK_NAMES
from reference_impl.run.subject import Subject
from reference_impl.run.whole_backend import LOADS

CASE = Case.parse("n1_h5w6c2_k2x3o3_SAME")


def lack(applies: Callable) -> Lack:
    return Lack("takes squares only", applies)


@pytest.mark.parametrize(
    ("declared", "kind", "said"),
    [
        ({"dtypes": ("f32",)}, ValueError, "dtypes must be some of int8, .*; not 'f32': did you mean float32?"),
        ({"dtypes": ("bf16",)}, ValueError, "not 'bf16': did you mean bfloat16?"),
        ({"dtypes": ("complex",)}, ValueError, "dtypes must be some of int8, .*; not 'complex'"),
        ({"dtypes": ()}, ValueError, "dtypes must name at least one of int8, .*; it is empty"),
        ({"dtypes": "float32"}, TypeError, r'dtypes must be a tuple of names, as \("float64",\); not the string'),
        ({"dtypes": {"float32": 1}}, TypeError, "dtypes must be a tuple of names, .*; not {'float32': 1}"),
        ({"dtypes": (float,)}, TypeError, "dtypes must hold names, as \"float64\"; not <class 'float'>"),
        ({"dtypes": None}, TypeError, "dtypes must be a tuple of names, .*; not None"),
        ({"operations": ()}, ValueError, "operations must name at least one of conv2d, .*; it is empty"),
        ({"operations": "conv2d"}, TypeError, "operations must be a tuple of names, .*; not the string 'conv2d'"),
        ({"operations": ("conv2D",)}, ValueError, "not 'conv2D': did you mean conv2d?"),
        ({"flushes": ("float23",)}, ValueError, "flushes must be some of .*: did you mean float32?"),
        ({"lacks": lack(bool)}, TypeError, r"lacks must be a tuple of Lack, as \(Lack\(reason, applies\),\); not Lack"),
        ({"lacks": ("no strides",)}, TypeError, r"lacks must hold Lack\(reason, applies\) only; not 'no strides'"),
        ({"result_dtypes": ("int8", "int32")}, TypeError, "result_dtypes must be a dict"),
        ({"result_dtypes": {"i8": "int32"}}, ValueError, "result_dtypes must be some of .*: did you mean int8?"),
        ({"result_dtypes": {"int8": "i32"}}, ValueError, r"result_dtypes\['int8'\] must be .*: did you mean int32?"),
        ({"unclaimed": ["exact"]}, TypeError, "unclaimed must be a dict"),
        ({"unclaimed": {"special_value": "why"}}, ValueError, "did you mean special_values?"),
        ({"unclaimed": {"exact": ""}}, TypeError, r"unclaimed\['exact'\] must say why, in a string; not ''"),
        ({"composed": "padded"}, TypeError, r"composed must be a function of \(operation, case\); not 'padded'"),
        ({"share": 0}, ValueError, "share must be above 0 and at most 1; not 0"),
        ({"share": 25}, ValueError, "share must be above 0 and at most 1; not 25"),
        ({"share": float("nan")}, ValueError, "share must be above 0 and at most 1; not nan"),
        ({"share": "all"}, TypeError, "share must be a number; not 'all'"),
        ({"share": True}, TypeError, "share must be a number; not True"),
        ({"factor": 0}, ValueError, "factor must be finite, and above 0; not 0"),
        ({"factor": float("inf"), "citation": "x"}, ValueError, "factor must be finite, and above 0; not inf"),
        ({"factor": 15}, ValueError, "a factor above 1, or planewise, must come with a citation; factor is 15"),
        ({"planewise": "yes"}, TypeError, "planewise must be True or False; not 'yes'"),
        ({"same_bits_on_any_threads": 1}, TypeError, "same_bits_on_any_threads must be True or False; not 1"),
        ({"citation": 7}, TypeError, "citation must be a string; not 7"),
    ],
    ids=str,
)
def test_capabilities_refuse_at_once(declared, kind, said):
    with pytest.raises(kind, match=said):
        Capabilities(**declared)


def test_lack_must_have_a_reason_and_a_function():
    with pytest.raises(TypeError, match="reason of a Lack must be a string"):
        Lack(lambda operation, case: True, "no strides")
    with pytest.raises(ValueError, match="reason of a Lack must say why"):
        Lack(" ", lambda operation, case: True)
    with pytest.raises(TypeError, match=r"applies of the Lack 'no strides' must be a function of \(operation, case\)"):
        Lack("no strides", True)


def test_capabilities_take_lists_and_sets_of_names():
    declared = Capabilities(operations=["conv2d_transpose", "conv2d"], dtypes={"float64", "int8"})
    assert declared.operations == ("conv2d_transpose", "conv2d")
    assert declared.dtypes == ("int8", "float64")
    assert Capabilities(operations=OPERATIONS, dtypes=frozenset(DTYPES)).dtypes == DTYPES


def test_every_check_and_no_other_can_be_left_unclaimed():
    assert set(UNCLAIMABLE) == {*CHECK_NAMES, PRINTS_NOTHING} - {LOADS, *PROMISES}


@pytest.mark.parametrize(
    ("applies", "said"),
    [
        (lambda operation, case: case.stride != 1, "it raised AttributeError: 'Case' object has no attribute 'stride'"),
        (lambda case: True, "it raised TypeError: "),
        (lambda operation, case: None, "must return True or False; for conv2d on .* it returned None"),
        (lambda operation, case: "SAME", "must return True or False; for conv2d on .* it returned 'SAME'"),
        (lambda operation, case: exit(), "it raised SystemExit"),
    ],
)
def test_lack_that_does_not_answer_is_a_failure_of_the_call(applies, said):
    class Mine(Right):
        capabilities = Capabilities(lacks=(lack(applies),))

    with pytest.raises(Misdeclared, match=said):
        Mine.capabilities.unsupported("conv2d", CASE)
    found = list(failures(Mine(), [CASE]))
    assert {(record.check, record.outcome) for record in found} == {("declares", outcome.FAIL)}
    assert all("the lack 'takes squares only' must" in record.message for record in found)


@pytest.mark.parametrize(("answer", "said"), [(True, "it returned True"), (7, "it returned 7")])
def test_composed_must_return_a_string_or_none(answer, said):
    class Mine(Right):
        capabilities = Capabilities(composed=lambda operation, case: answer)

    messages = [record.message for record in failures(Mine(), [CASE])]
    assert any(f"composed must return a string or None; for conv2d on {CASE} {said}" in message for message in messages)


def test_declarations_of_another_process_fail_alike():
    declared = RemoteCapabilities.of({}, lambda operation, cases: [(None, None, "the lack fails")] * len(cases))
    with pytest.raises(Misdeclared, match="the lack fails"):
        declared.unsupported("conv2d", CASE)
    assert declared.supported("conv2d", [CASE]) == [CASE]  # so that the judge asks, and reports it


@pytest.mark.parametrize("declared", [{}, {"dtypes": ("float32",)}, Capabilities, "float32"], ids=str)
def test_capabilities_of_a_backend_must_be_capabilities(declared):
    class Mine(Right):
        capabilities = declared

    with pytest.raises(ValueError, match=r"capabilities of a backend must be made by Capabilities\(...\); not "):
        Subject.of(Mine())
