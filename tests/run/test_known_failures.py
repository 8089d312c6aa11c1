"""The known failures: every shipped entry is well formed and selects something; a bad entry is named."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.run import known, known_failures
from reference_impl.run.known_failure import KnownFailure, always
from reference_impl.verdicts.invalid_calls import CASE

CASES = [
    *catalogue.resolve("curated"),
    *catalogue.resolve("regressions"),
    # From the reproducers of docs/findings/, where entries are narrow.
    Case.parse("n1_h2w3c1_k3x2o1_FULL"),  # autograd
    Case.parse("n1_h5w3c1_k2x4o1_p0,0,1,1"),
    Case.parse("n1_h5w6c4_k3x2o0_g2"),  # keras
    Case.parse("n1_h1w1c2_k1x1o2_s4x1_g2_p2,0,0,0"),  # mlx
    Case.parse("n1_h1w3c2_k1x1o3_s2x1_p1,0,0,0"),
    Case.parse("n1_h3w1c1_k1x1o2_s2x2_p0,0,3,7"),  # tensorflow
    Case.parse("n2_h2w3c1_k1x2o1_s1x2"),
    Case.parse("n1_h10w8c3_k1x1o3_s2x2"),
    Case.parse("n1_h2w1c1_k1x1o1_s1x2_d1x2_p0,0,1,1"),  # torch
    Case.parse("n1_h65539w1c2_k2x1o1_s3x1"),
    Case.parse("n3_h4w3c3_k3x3o9_s1x2_g3"),
    Case.parse("n1_h10w1c2_k1x5o2_s1x2_p0,0,2,2"),
    Case.parse("n3_h4w14c3_k1x6o3_d2x3_g3_p0,0,15,15"),
]
CASES_IN_FLOATS = [case.with_dtype(dtype) for case in CASES for dtype in ("float16", "bfloat16", "float32", "float64")]
FLOATS_IN_ONEDNN = [(), ("float32",), ("float32", "bfloat16", "float16")]
PATHS, BLOCKS = ("", "avx2", "avx512_core", "avx512_core_amx"), (8, 16)
ENGINES = ("tensorflow", "torch", "jax", "numpy", "openvino")


def facts(path, engine, dtypes, block):
    return {"onednn_dtypes": dtypes, "onednn_path": path, "channel_block": block, "engine": engine}


# All that the shipped adapters say of themselves; and a few of these, with all pairs of two facts.
FACTS = list(itertools.starmap(facts, itertools.product(PATHS, ENGINES, FLOATS_IN_ONEDNN, BLOCKS)))
FEW_FACTS = list(
    map(facts, *zip(*itertools.product(PATHS, ENGINES)), itertools.cycle(FLOATS_IN_ONEDNN), itertools.cycle(BLOCKS))
)
ENTRIES = known.known_failures()
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.backends[0]}-{ENTRIES.index(entry)}")


@pytest.fixture
def entry():
    return KnownFailure(
        backends=("planted",),
        versions=">=1",
        operations=("conv2d",),
        when=always,
        outcome="fail",
        does="planted flips the kernel",
        link="found here",
    )


def in_all(entry, asked, cases):
    """Ask the entry about the first of its backends, in a version of its range: the answers to all facts and cases."""
    version = re.search(r"\d[\d.]*", entry.versions).group().rstrip(".")
    invalid = entry.invalid[0] if entry.invalid else None
    backend, operation = entry.backends[0].replace(":*", ""), entry.operations[0]
    return {entry.applies(backend, version, facts, operation, case, invalid) for facts in asked for case in cases}


@each_entry
def test_shipped_entry_says_what_happens_and_where_it_was_found(entry):
    assert entry.does
    assert entry.link


@each_entry
def test_shipped_entry_applies_to_some_case_and_raises_on_none(entry):
    cases = [CASE] if entry.invalid else CASES_IN_FLOATS
    assert True in in_all(entry, FEW_FACTS, cases) or True in in_all(entry, FACTS, cases)


# Many entries share a condition, each for another backend.
@pytest.mark.parametrize(
    "entry", {entry.when: entry for entry in ENTRIES}.values(), ids=lambda entry: entry.backends[0]
)
def test_shipped_condition_raises_on_no_facts(entry):
    assert in_all(entry, FACTS, [CASE] if entry.invalid else CASES_IN_FLOATS)


def test_few_facts_have_all_pairs():
    def pairs(some):
        return {pair for one in some for pair in itertools.combinations(one.items(), 2)}

    assert pairs(FEW_FACTS) == pairs(FACTS)
    assert len(FEW_FACTS) <= len(FACTS) / 6


@pytest.mark.parametrize(
    ("path", "expected"),
    [("avx2", False), ("avx512_core_vnni", False), ("avx512_core_bf16", True), ("avx512_core_amx_fp16", True)],
)
def test_entry_about_a_code_path_asks_for_that_path(path, expected):
    facts = {"onednn_dtypes": ("float32", "bfloat16"), "onednn_path": path}
    case = Case.parse("n1_h3w1c1_k1x1o2_s2x2_p0,0,3,7_bfloat16")
    entries = known.find("tensorflow", "2.21.0", facts, "conv2d", case)
    assert ("crashed" in {entry.outcome for entry in entries}) == expected


@pytest.mark.parametrize(
    ("path", "spec", "expected"),
    [
        ("avx2", "n1_h65539w1c2_k2x1o1_s3x1", set()),
        ("avx512_core", "n1_h65539w1c2_k2x1o1_s3x1", {"fail", "crashed"}),
        ("avx512_core", "n1_h65539w1c2_k2x1o1_s2x1", set()),  # no row is left between windows
        ("avx512_core", "n1_h65539w2c2_k2x1o1_s3x1", set()),  # two columns
        ("avx512_core", "n1_h30000w3c1_k2x2o1_s3x1", {"fail", "crashed"}),
        ("avx512_core", "n1_h2048w1c2_k2x1o1_s3x1", set()),  # it fits
        ("avx512_core", "n1_h65539w1c2_k2x1o1_s3x1_float64", set()),
        ("avx512_core", "n1_h65539w1c2_k2x1o1_s3x1_bfloat16", set()),
        ("avx512_core_bf16", "n1_h65539w1c2_k2x1o1_s3x1_bfloat16", {"fail", "crashed"}),
    ],
)
@pytest.mark.parametrize(("backend", "version"), [("tensorflow", "2.21.0"), ("torch:channels_last", "2.13.0")])
def test_entry_about_a_copied_input_asks_for_rows_between_windows(backend, version, path, spec, expected):
    facts = {"onednn_dtypes": ("float32", "bfloat16"), "onednn_path": path}
    entries = known.find(backend, version, facts, "conv2d", Case.parse(spec))
    assert {entry.outcome for entry in entries if "copy of the input" in entry.does} == expected


@pytest.mark.parametrize(
    ("path", "spec", "expected"),
    [
        ("avx", "n1_h10w8c3_k1x1o3_s2x2", set()),
        ("avx2", "n1_h10w8c3_k1x1o3_s2x2", {"fail", "crashed"}),
        ("avx2", "n1_h10w8c8_k1x1o3_s2x2", set()),
        ("avx512_core", "n1_h10w8c8_k1x1o3_s2x2", {"fail", "crashed"}),
        ("avx512_core", "n1_h10w8c16_k1x1o3_s2x2", set()),
        ("avx512_core", "n1_h9w9c3_k1x1o3_s2x2", set()),  # nothing is left over
        ("avx512_core", "n1_h10w8c3_k1x1o3_s2x2_float64", set()),
    ],
)
def test_entry_about_a_workspace_asks_for_channels_that_do_not_fill_a_block(path, spec, expected):
    facts = {"onednn_dtypes": ("float32",), "onednn_path": path}
    operation = "conv2d_backprop_filter"
    for backend, version in (("tensorflow", "2.21.0"), ("torch:channels_last", "2.13.0")):
        entries = known.find(backend, version, facts, operation, Case.parse(spec))
        assert {entry.outcome for entry in entries} - {"refused"} == expected
    assert not known.find("torch", "2.13.0", facts, operation, Case.parse(spec))


@pytest.mark.parametrize(
    ("path", "spec", "expected"),
    [
        ("avx2", "n2_h2w3c1_k1x2o1_s1x2", False),
        ("avx512_core", "n2_h2w3c1_k1x2o1_s1x2", True),
        ("avx512_core", "n1_h2w3c1_k1x2o1_s1x2", False),
        ("avx512_core", "n2_h2w3c2_k1x2o1_s1x2", False),
        ("avx512_core", "n2_h2w3c1_k1x2o1_s1x2_bfloat16", False),
        ("avx512_core_bf16", "n2_h2w3c1_k1x2o1_s1x2_bfloat16", True),
    ],
)
def test_entry_about_a_column_asks_for_a_batch_of_one_channel(path, spec, expected):
    facts = {"onednn_dtypes": ("float32", "bfloat16"), "onednn_path": path}
    found = known.find("tensorflow", "2.21.0", facts, "conv2d", Case.parse(spec))
    assert any("one column wide" in entry.does for entry in found) == expected


@pytest.mark.parametrize(
    ("backend", "path", "spec", "expected"),
    [
        ("torch", "avx2", "n33_h1w1c1_k1x1o1_bfloat16", True),
        ("torch:autograd", "avx2_vnni", "n33_h1w1c1_k1x1o1_bfloat16", True),
        ("torch", "avx2_vnni_2", "n33_h1w1c1_k1x1o1_bfloat16", False),
        ("torch", "avx512_core", "n33_h1w1c1_k1x1o1_bfloat16", False),
        ("torch:native", "avx512_core", "n33_h1w1c1_k1x1o1_bfloat16", True),
        ("torch", "avx512_core_fp16", "n33_h1w1c1_k1x1o1_float16", True),
        ("torch", "avx2", "n33_h1w1c1_k1x1o1", False),
        ("torch", "avx2", "n32_h1w1c1_k1x1o1_bfloat16", False),
        ("torch", "avx2", "n32_h1w1c1_k1x1o1_float16", False),
    ],
)
def test_entry_about_sums_in_halves_asks_for_many_images_and_for_no_onednn(backend, path, spec, expected):
    case = Case.parse(spec)
    found = known.find(backend, "2.13.0", {"onednn_path": path}, "conv2d_backprop_filter", case)
    assert any("adds the images in" in entry.does for entry in found) == expected


@pytest.mark.parametrize(
    ("dtypes", "spec", "expected"),
    [
        ((), "n1_h3w4c4_k2x1o6_g2", True),
        ((), "n1_h3w4c4_k2x1o6_g2_float64", True),
        ((), "n1_h3w4c4_k2x1o6_g2_float16", False),
        ((), "n1_h3w4c4_k2x1o6", False),
        ((), "n0_h3w4c4_k2x1o6_g2", False),
        (("float32",), "n1_h3w4c4_k2x1o6_g2_float64", False),
    ],
)
def test_entry_about_the_bias_of_groups_asks_for_tensorflows_own_kernel(dtypes, spec, expected):
    facts = {"onednn_dtypes": dtypes, "onednn_path": "avx2"}
    found = known.find("tensorflow:function", "2.21.0", facts, "conv2d", Case.parse(spec))
    assert any("takes no groups" in entry.does for entry in found) == expected


def test_entries_are_found_by_many_threads_at_once():
    known.known_failures.cache_clear()

    def asked(case):
        return known.find("torch", "2.13.0", FACTS[0], "conv2d", case)

    cases = CASES_IN_FLOATS[:200]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(asked, cases))
    assert found == list(map(asked, cases))


def test_reading_the_entries_imports_no_framework():
    code = (
        "import sys; from reference_impl.run import known; known.known_failures(); "
        "print({'autograd', 'jax', 'keras', 'mlx', 'onnx', 'onnxruntime', 'openvino', 'scipy', 'tensorflow', "
        "'tinygrad', 'torch'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_module_of_a_new_framework_is_found(monkeypatch, tmp_path):
    (tmp_path / "planted.py").write_text("FAILURES = ('an entry',)")
    monkeypatch.setattr(known_failures, "__path__", [*known_failures.__path__, str(tmp_path)])
    assert known.known_failures.__wrapped__()[-1] == "an entry"
    del sys.modules[f"{known_failures.__name__}.planted"]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"outcome": "wrong"}, ValueError, "outcome must be one of fail, refused, crashed, not 'wrong', in"),
        ({"operations": ("conv3d",)}, ValueError, "operations must be some of conv2d, .*, not conv3d, in"),
        ({"operations": ()}, ValueError, "backends and operations must each name at least one, in"),
        ({"backends": ()}, ValueError, "backends and operations must each name at least one, in"),
        ({"checks": ("exakt",)}, ValueError, "checks must be some of .*exact, .*, not exakt, in"),
        ({"invalid": ("group-zero",)}, ValueError, "invalid must be some of groups-zero, .*, not group-zero, in"),
        ({"versions": "2.21"}, ValueError, "versions must be like '>=2.20,<2.22', not '2.21', in"),
        ({"backends": "planted"}, TypeError, "backends must be a tuple of names, not 'planted', in"),
        ({"operations": "conv2d"}, TypeError, "operations must be a tuple of names, not 'conv2d', in"),
        ({"when": "batch == 0"}, TypeError, "when must be a function of a case and the backend's facts, not 'batch"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_entry_is_refused_by_name(entry, changes, error, words):
    with pytest.raises(error, match=f"^{words}.* the known failure of .*: 'planted flips the kernel'$"):
        replace(entry, **changes)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (lambda case, facts: case.bacth == 0, "AttributeError: 'Case' object has no attribute 'bacth'"),
        (lambda case, facts: case.dtype in facts["onednn"], "KeyError: 'onednn'"),
        (lambda case, facts: None, "TypeError: it must return True or False, not None"),
        (lambda case: True, "TypeError: .* takes 1 positional argument but 2 were given"),
    ],
    ids=["unknown-field", "unknown-fact", "returns-nothing", "takes-no-facts"],
)
def test_condition_that_raises_is_named(entry, when, words):
    message = (
        f"^`when` raised {words}, for n2_.*; correct `when` in the known failure of .*: 'planted flips the kernel'$"
    )
    with pytest.raises(RuntimeError, match=message):
        in_all(replace(entry, when=when), [{"engine": "torch"}], [CASE])


def test_condition_that_never_holds_is_no_error(entry):
    never = replace(entry, when=lambda case, facts: False)
    assert in_all(never, [{}], CASES) == {False}


@pytest.mark.parametrize(
    ("version", "in_range"), [("2.21.0", True), ("2.21.1rc1", True), ("2.22", False), ("unversioned", False)]
)
def test_entry_applies_to_its_versions_only(entry, version, in_range):
    entry = replace(entry, versions="==2.21.*")
    assert entry.applies("planted", version, {}, "conv2d", CASE) == in_range
