"""Each backend is given its cases, dtypes and share of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from narrow_kernels import OfDtypes, Square
from planted import Flipped, Right

from reference_impl.backends import registry
from reference_impl.cases import catalogue
from reference_impl.cases.case import DTYPES, Case
from reference_impl.cases.generation import generate
from reference_impl.conformance import Capabilities, Lack
from reference_impl.operations import OPERATIONS
from reference_impl.run import known
from reference_impl.run.choice import cases_for_pytest, for_own_backend, for_verify
from reference_impl.run.enough import ENOUGH, FEWEST
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.shares import takes
from reference_impl.run.spread import DEFAULT_DTYPES, in_dtypes
from reference_impl.run.subject import Loaded, Subject
from reference_impl.verdicts.checks import CHECKS

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


OF_STATE = {check.name for check in CHECKS if check.of_state}


def asked_for_state(backend, dtypes=DEFAULT_DTYPES, **options):
    """The cases on which checks of state run."""
    selection = for_all([backend], in_dtypes(catalogue.load("curated"), dtypes), ["conv2d"], full=True, **options)
    asked = [asked for case in selection.cases for asked in selection.calls_on(case, [backend])]
    return [one.case for one in asked if OF_STATE & {check.name for check in one.checks}]


def test_state_is_asked_for_in_one_dtype_of_each_case_and_in_every_dtype_of_some():
    subject = Subject.of(Right())
    found = asked_for_state(subject, ("float32", "float64"))
    alone = asked_for_state(subject, ("float64",))
    assert sorted(str(case.with_dtype("float64")) for case in found) == sorted(map(str, alone))
    assert {case.dtype for case in found} == {"float32", "float64"}
    assert len(asked_for_state(subject, ("float32", "float64"), all_of_state=True)) == 2 * len(alone)


def test_slow_route_of_ours_is_asked_for_state_on_its_share_and_a_slow_kernel_on_all(monkeypatch):
    class Slow(Right):
        name = "planted:slow"
        capabilities = Capabilities(share=0.1)

    every = asked_for_state(Subject.of(Right()), ("float32",))
    assert asked_for_state(Subject.of(Slow()), ("float32",)) == every
    monkeypatch.setitem(registry.ADAPTERS, "planted", None)
    route = Subject.of(Slow(), "planted:slow")
    part = asked_for_state(route, ("float32",))
    assert 0 < len(part) < len(every) / 4
    assert asked_for_state(route, ("float32",), all_of_state=True) == every
    # A case that failed is asked again by itself.
    assert [case for case in every if asked_alone(route, case)] == part


def asked_alone(subject, case):
    (asked,) = for_all([subject], [case], ["conv2d"], full=True).calls_on(case, [subject])
    return OF_STATE & {check.name for check in asked.checks}


def test_judge_here_counts_every_turn():
    turns = []
    subjects = [Subject.of(Right()), Subject.of(Flipped())]
    records = list(records_of(for_all(subjects, [CASE]), advance=lambda: turns.append(1)))
    assert len(turns) == len(subjects) * len(OPERATIONS)
    assert {record.operation for record in records} == set(OPERATIONS)


def supported_in(subject: Subject, cases: list[Case], operation: str, dtype: str) -> int:
    return len(subject.capabilities.supported(operation, [case for case in cases if case.dtype == dtype]))


def verify_of(*backends, words=(), **options):
    return for_verify(Loaded([Subject.of(backend) for backend in backends], {}), words, **options)


@pytest.mark.parametrize("words", [[], ["smoke"], ["curated"]], ids=str)
def test_narrow_backend_is_given_enough_that_it_supports(words):
    selection = verify_of(Square(), words=words, examples=10)
    (subject,) = selection.subjects
    for dtype in ("float32", "float64"):
        assert supported_in(subject, selection.cases, "conv2d", dtype) >= ENOUGH
    assert selection.fewest == FEWEST


@pytest.mark.parametrize("word", ["networks", "n1_h5w5c1_k3x3o1_s2x2"])
def test_cases_that_a_user_names_are_not_completed(word):
    selection = verify_of(Square(), words=[word])
    assert set(selection.cases) == set(catalogue.resolve(word))
    assert selection.fewest == 1


def test_selection_of_a_narrow_backend_is_that_of_its_seed():
    first, same, other = (verify_of(Square(), words=["smoke"], seed=seed).cases for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_backend_that_takes_everything_is_given_the_smoke_cases_and_no_more():
    assert verify_of(Right(), words=["smoke"], dtypes=["float32"]).cases == catalogue.load("smoke")


@pytest.mark.parametrize("select", [lambda: verify_of(OfDtypes()), lambda: for_own_backend(Subject.of(OfDtypes()))])
def test_every_declared_dtype_is_asked(select):
    selection = select()
    (subject,) = selection.subjects
    calls = [asked for case in selection.cases for asked in selection.calls_on(case, [subject])]
    assert {asked.case.dtype for asked in calls} == set(OfDtypes.capabilities.dtypes)
    for dtype in OfDtypes.capabilities.dtypes:
        assert supported_in(subject, selection.cases, "conv2d", dtype) >= ENOUGH


def test_backend_is_given_no_dtype_that_it_does_not_offer_if_nobody_asked_for_it():
    selection = verify_of(Right(), OfDtypes(), words=["smoke"])
    plain, _ = selection.subjects
    calls = [asked for case in selection.cases for asked in selection.calls_on(case, [plain])]
    assert {asked.case.dtype for asked in calls} == {"float32", "float64"}


@pytest.mark.parametrize("select", [lambda: verify_of(OfDtypes()), lambda: for_own_backend(Subject.of(OfDtypes()))])
def test_small_cases_of_a_dtype_stand_together(select):
    small = set(catalogue.load("curated"))
    dtypes = [case.dtype for case in select().cases if case.with_dtype("float32") in small]
    changes = sum(before != after for before, after in pairwise(dtypes))
    assert changes == len(set(dtypes)) - 1


def test_backend_of_a_tiny_share_is_given_the_fewest_calls():
    class Compiling(Right):
        capabilities = Capabilities(share=1e-6, dtypes=DTYPES)

    selection = verify_of(Compiling())
    (subject,) = selection.subjects
    calls = [asked for case in selection.cases for asked in selection.calls_on(case, [subject])]
    for operation in OPERATIONS:
        mine = [asked for asked in calls if asked.operation == operation]
        assert FEWEST <= len(mine) <= 4 * FEWEST
        assert {asked.case.dtype for asked in mine} == set(DTYPES)


def test_slow_route_of_ours_is_given_a_part_of_a_catalogue_and_all_of_named_cases(monkeypatch):
    class Slow(Right):
        name = "planted:slow"
        capabilities = Capabilities(share=0.05)

    def given(words, argument="planted:slow", **options):
        loaded = Loaded([Subject.of(Slow(), argument)], {})
        selection = for_verify(loaded, words, dtypes=["float32"], **options)
        asked = [one for case in selection.cases for one in selection.calls_on(case, selection.subjects)]
        return len({one.case for one in asked}), len(selection.cases)

    monkeypatch.setitem(registry.ADAPTERS, "planted", None)
    part, every = given(["curated"])
    assert FEWEST <= part < every / 5
    assert given(["curated"], full=True) == (every, every)
    assert given(["curated"], "mine:Slow") == (every, every)
    specs = [str(case) for case in catalogue.load("curated")[:20]]
    assert given(specs) == (20, 20)
    assert given([*specs, "smoke"]) == (len({*specs, *map(str, catalogue.load("smoke"))}),) * 2


def test_operation_that_lacks_most_dtypes_is_given_the_fewest_calls_in_the_others():
    no_integers = Lack("no integers", lambda operation, case: operation == "conv2d" and "int" in case.dtype)

    class Compiling(Right):
        capabilities = Capabilities(share=1e-6, dtypes=DTYPES, lacks=(no_integers,))

    selection = verify_of(Compiling())
    (subject,) = selection.subjects
    given = selection.assured[subject.name]
    assert len(subject.capabilities.supported("conv2d", list(given))) >= FEWEST


def test_equivalence_tests_ask_every_declared_dtype():
    assert {case.dtype for case in cases_for_pytest(Subject.of(OfDtypes()))} == set(OfDtypes.capabilities.dtypes)


@pytest.mark.parametrize("words", [[], ["smoke"]], ids=str)
def test_equivalence_tests_give_a_narrow_kernel_enough_that_it_supports(words):
    subject = Subject.of(Square())
    assert supported_in(subject, cases_for_pytest(subject, words), "conv2d", "float32") >= ENOUGH


def test_cases_that_are_named_keep_their_order_and_number():
    named = [CASE.with_dtype("float64"), str(CASE), CASE.with_dtype("float64"), CASE]
    selection = for_own_backend(Subject.of(Right()), named)
    assert list(selection.groups[0][1]) == [named[0], CASE, named[0], CASE]


@pytest.mark.parametrize(("strength", "word"), catalogue.BY_STRENGTH.items())
def test_strength_chooses_the_design(strength, word):
    selection = verify_of(Right(), strength=strength, examples=0, dtypes=["float32"])
    others = {case for name in catalogue.BY_STRENGTH.values() if name != word for case in catalogue.load(name)}
    given = set(selection.cases)
    assert set(catalogue.load(word)) <= given
    assert len(others & given) < len(others) / 2


def test_designed_cases_get_the_exact_check_in_the_first_dtype_and_few_costly_checks():
    selection = verify_of(Right(), examples=0)
    (subject,) = selection.subjects
    designed = [case for case in catalogue.load("covering") if case not in set(catalogue.load("curated"))]
    asked = [one for case in designed for one in selection.calls_on(case, [subject]) if one.operation == "conv2d"]
    names = [{check.name for check in one.checks} for one in asked]
    assert len(asked) == len(designed)
    assert all({"exact", "repeatable", "inputs_unchanged"} <= some for some in names)
    assert 0 < sum("rounded" in some for some in names) < len(names) / 4


def test_route_has_the_covering_design_in_full_and_a_part_of_the_cases_for_thresholds():
    route = Subject.of(Right(), "reference")
    route = replace(route, name="reference:route")
    assert route.is_route
    assert all(takes(route, case, 0) for case in catalogue.load("covering"))
    values = catalogue.load("values")
    assert 0 < sum(takes(route, case, 0) for case in values) < len(values) / 2
    assert all(takes(Subject.of(Right()), case, 0) for case in values)


def of_route(name, **declared):
    class Route(Right):
        version, facts = "2.13.0", {"onednn_path": ""}
        capabilities = Capabilities(**declared)

    Route.name = name
    return Subject.of(Route(), name)


def taken_by(subject, selection):
    """The cases of each dtype that the backend takes."""
    taken = [case for case in selection.cases if selection._takes(subject, case)]
    return {dtype: {case for case in taken if case.dtype == dtype} for dtype in DTYPES}


@pytest.mark.parametrize(
    ("name", "sampled", "in_full"),
    [
        *((name, DTYPES, ["float32"]) for name in ("reference", "definition", "minimal")),
        ("torch:layers", ["float64"], ["float32", "float16", "bfloat16"]),
    ],
)
def test_route_has_every_case_in_the_first_dtype_and_a_part_in_the_other_usual_ones(name, sampled, in_full):
    dtypes = (*in_full, "float64") if ":" in name else registry.load(name).capabilities.dtypes
    subject = of_route(name, dtypes=dtypes)
    asked = for_verify(Loaded([subject], {}))
    taken, whole = taken_by(subject, asked), taken_by(subject, replace(asked, dtypes_in_part=False))
    assert taken["float32"] >= set(catalogue.load(catalogue.BY_STRENGTH[3]))
    for dtype in in_full:
        assert taken[dtype] == whole[dtype]
    for dtype in set(dtypes) & set(sampled) - set(in_full):
        assert 0.15 * len(whole[dtype]) < len(taken[dtype]) < 0.35 * len(whole[dtype])
        assert len(taken[dtype]) >= FEWEST


def test_route_has_every_case_that_it_is_known_to_fail():
    subject = of_route("torch:layers")
    asked = for_verify(Loaded([subject], {}))
    empty = [case for case in asked.cases if case.dtype == "float64" and case.output_channels == 0]
    assert len(empty) > 5
    assert all(known.expected(subject, "conv2d", case) for case in empty)
    assert set(empty) <= taken_by(subject, asked)["float64"]


def test_plain_framework_and_kernel_of_others_have_every_case_in_each_usual_dtype():
    for name in ("torch", "mine"):
        subject = of_route(name)
        asked = for_verify(Loaded([subject], {}))
        assert taken_by(subject, asked) == taken_by(subject, replace(asked, dtypes_in_part=False))


@pytest.mark.parametrize("options", [{"dtypes": ["float64"]}, {"full": True}, {"words": ["smoke"]}])
def test_route_has_all_cases_of_a_dtype_or_catalogue_that_is_named(options):
    subject = of_route("torch:layers")
    asked = for_verify(Loaded([subject], {}), **options)
    assert taken_by(subject, asked) == taken_by(subject, replace(asked, dtypes_in_part=False))
    assert taken_by(subject, asked)["float64"]
