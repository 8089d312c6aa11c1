"""Every line of the catalogue is canonical, unique and explained; the error for a bad file names the line."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest
from planted import Right

from reference_impl.cases import catalogue
from reference_impl.cases.boundaries import BOUNDARIES, LIMITS
from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.run.judge import judge
from reference_impl.run.shares import checks_of
from reference_impl.run.subject import Subject

ENTRIES = {name: catalogue.entries(name) for name in catalogue.NAMES}
BY_HAND = [name for name in catalogue.NAMES if name not in catalogue.DESIGNED]
CURATED = [entry.case for entry in ENTRIES["curated"]]
SMALL = CURATED + [entry.case for entry in ENTRIES["regressions"]]


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_line_is_the_canonical_spec_and_a_comment(name):
    lines = files(catalogue).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    given = [line for line in lines if line and not line.startswith("#")]
    assert given == [f"{entry.case} # {entry.comment}".removesuffix(" # ") for entry in ENTRIES[name]]


@pytest.mark.parametrize("name", [*BY_HAND, "ladder", "ladder-long"])
def test_line_has_a_comment(name):
    assert all(entry.comment for entry in ENTRIES[name])


def test_case_is_in_one_catalogue_only():
    count = Counter(str(entry.case) for name in catalogue.DEFAULT for entry in ENTRIES[name])
    assert [spec for spec, times in count.items() if times > 1] == []


def test_smoke_case_is_in_another_catalogue_too():
    others = {(entry.case, entry.comment) for name in catalogue.DEFAULT for entry in ENTRIES[name]}
    assert {(entry.case, entry.comment) for entry in ENTRIES["smoke"]} <= others


@pytest.mark.parametrize(("name", "least"), [("curated", 60), ("regressions", 30), ("networks", 40)])
def test_catalogue_is_not_small(name, least):
    assert len(ENTRIES[name]) >= least


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_curated_has_every_boundary(boundary):
    assert sum(map(BOUNDARIES[boundary], CURATED)) >= 2


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_small_catalogues_have_many_cases_of_every_padding(mode):
    assert sum(case.padding_mode == mode for case in SMALL) >= 40


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize(
    "boundary",
    [
        "leftover rows",
        "leftover columns",
        "kernel smaller than stride",
        "even kernel",
        "line image",
        "line kernel",
        "1x1 kernel, strided",
        "strided and dilated",
        "grouped",
        "depthwise",
        "one output position",
        "batch above 1",
        "near a vector's width",
        "empty",
    ],
)
def test_small_catalogues_have_the_boundary_in_every_padding(boundary, mode):
    assert any(case.padding_mode == mode and BOUNDARIES[boundary](case) for case in SMALL)


# `check_backend` goes beyond them too, as it leaves out only the network layers.
@pytest.mark.parametrize("limit", LIMITS)
def test_small_catalogues_go_beyond_every_limit(limit):
    assert any(LIMITS[limit](entry.case) for name in ("curated", "regressions") for entry in ENTRIES[name])


class FirstImages(Right):
    """A kernel that has a thread for each image, all in one block of 32."""

    def spoil(self, answer, arrays):
        answer[32:] = 0
        return answer


class GuessesLayout(Right):
    """A kernel that reads filters as OIHW where their sizes allow it."""

    def _answer(self, operation, input, filters, *rest, **options):
        if operation == "conv2d" and filters.shape == tuple(filters.shape[axis] for axis in (2, 3, 1, 0)):
            filters = filters.transpose(2, 3, 1, 0)
        return super()._answer(operation, input, filters, *rest, **options)


class LeavesOutOddRows(Right):
    """A kernel by Winograd's algorithm on tiles of 2x2, for 16 channels or more, that leaves out half a tile."""

    def _answer(self, operation, *args, **options):
        answer = super()._answer(operation, *args, **options)
        if operation == "conv2d" and args[1].shape[:2] == (3, 3) and min(args[1].shape[2:]) >= 16:
            answer[:, answer.shape[1] // 2 * 2 :] = 0
        return answer


@pytest.mark.parametrize(
    ("wrong", "spec"),
    [
        (FirstImages, "n37_h3w4c2_k2x3o3"),
        (GuessesLayout, "n3_h3w3c3_k3x3o3_SAME"),
        (LeavesOutOddRows, "n1_h5w7c16_k3x3o17_p1,1,1,1"),
    ],
)
def test_case_sees_what_no_smaller_one_does(wrong, spec):
    records = judge(Subject.of(wrong()), Case.parse(spec), "conv2d", checks=checks_of(Case.parse(spec))[:2])
    assert [record.outcome for record in records] == ["pass", "fail"]
    assert Case.parse(spec) in [entry.case for name in ("curated", "regressions") for entry in ENTRIES[name]]


@pytest.mark.parametrize("case", CURATED[:8], ids=str)
def test_general_case_has_all_sizes_different(case):
    sizes = (case.batch, case.height, case.width, case.input_channels, *case.kernel_size, case.output_channels)
    assert len(set(sizes)) == len(sizes)
    assert case.strides[0] != case.strides[1]
    assert case.dilations[0] != case.dilations[1]
    if not isinstance(case.padding, str):
        assert len({pad for axis in case.padding for pad in axis}) == 4


@pytest.mark.parametrize("name", ["curated", "regressions"])
def test_small_catalogue_is_small_enough_for_plain_python(name):
    assert max(entry.case.multiply_adds for entry in ENTRIES[name]) <= 200_000
    assert sum(entry.case.multiply_adds for entry in ENTRIES[name]) <= 1_000_000


def test_networks_fit_in_a_run_of_every_backend():
    assert sum(entry.case.multiply_adds for entry in ENTRIES["networks"]) <= 6e9


def test_regression_has_its_link():
    link = re.compile(r" (https://github\.com/\S+|found here docs/findings/\w+\.md)$")
    assert [entry.source for entry in ENTRIES["regressions"] if not link.search(entry.comment)] == []


def test_load_refuses_an_unknown_name():
    with pytest.raises(
        ValueError,
        match=r"catalogue must be one of curated, regressions, networks, smoke, covering-2, .*; not 'curate'",
    ):
        catalogue.load("curate")


def test_read_takes_comments_and_blank_lines(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("\ufeff# mine\n\nn1_h5w6c2_k3x4o7\t# why\n  n1_h5w6c2_k3o7_SAME\n#n9\n", encoding="utf-8")
    assert catalogue.read(path) == [Case.parse("n1_h5w6c2_k3x4o7"), Case.parse("n1_h5w6c2_k3x3o7_SAME")]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("# mine\nn1_h5w6c2_k3x4o7\nn1_h5w6c2_k3x4p7", 3, "'k3x4p7' should be k<kernel height>"),
        ("n1_h5w6c2_k3x4o7\n\nn1_h5w6c2_k3x4o7_VALID", 3, "n1_h5w6c2_k3x4o7_VALID repeats "),
        ("n1_h5w6c2_k9x4o7", 1, "n1_h5w6c2_k9x4o7 is no convolution: kernel must fit"),
        ("n1_h5w6c2_k3x4o7# no blank", 1, "'k3x4o7# no blank' should be"),
    ],
)
def test_read_names_the_line_of_a_bad_case(tmp_path, text, line, reason):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(reason)) as raised:
        catalogue.read(path)
    assert str(raised.value).startswith(f"{path}:{line}: ")


def test_read_keeps_the_pointer(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("  n1_h5w6c2_q3_k3x4o7 # why\n")
    with pytest.raises(ValueError, match="'q3' should be") as raised:
        catalogue.read(path)
    assert str(raised.value).endswith("\n    n1_h5w6c2_q3_k3x4o7\n              ^^")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_read_refuses_a_file_without_cases(tmp_path, text):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="a file of cases must hold at least one"):
        catalogue.read(path)


def test_read_does_not_hide_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        catalogue.read(tmp_path / "none.txt")


def test_resolve_takes_a_name_a_file_or_a_spec(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("n1_h5w6c2_k3x4o7\n")
    assert catalogue.resolve("curated") == CURATED
    assert catalogue.resolve(str(path)) == [Case.parse("n1_h5w6c2_k3x4o7")]
    assert catalogue.resolve("n1_h5w6c2_k3o7_int8") == [Case.parse("n1_h5w6c2_k3x3o7_int8")]


@pytest.mark.parametrize("path", ["curated", "n1_h5w6c2_k3x4o7"])
def test_resolve_prefers_names_then_files_then_specs(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / path).write_text("n1_h5w6c2_k3x4o7_SAME\n")
    assert catalogue.resolve(path) == (CURATED if path == "curated" else [Case.parse("n1_h5w6c2_k3x4o7_SAME")])


@pytest.mark.parametrize(
    "text", ["mine.txt", "curate", "n1_h5w6c2_k3x4o7_SAMEE", "n1_h5w6c2_k9x4o7", "x" * 300, "a\0b", ""]
)
def test_resolve_lists_all_that_it_could_be(text):
    with pytest.raises(
        ValueError, match=r"\(curated, regressions, networks, smoke, covering-2, .*\), a file, or a spec"
    ) as raised:
        catalogue.resolve(text)
    assert f"no file {text!r}" in str(raised.value)
    assert re.search("cannot read the case|is no convolution", str(raised.value))


@pytest.mark.parametrize("name", catalogue.DESIGNED)
def test_specs_of_a_designed_catalogue_are_those_of_its_cases(name):
    assert catalogue.specs(name) == {str(case) for case in catalogue.load(name)}


def test_specs_are_told_of_designed_catalogues_alone():
    with pytest.raises(ValueError, match=r"must be one of covering-2, .*; not 'curated'"):
        catalogue.specs("curated")
