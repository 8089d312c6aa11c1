"""Pictures: the facts that they show, that they are readable, and their files."""

from __future__ import annotations

import re
import runpy
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from im2col_by_hand import IMAGE, KERNEL, OUTPUT, TRANSPOSED
from PIL import Image
from typer.testing import CliRunner

from reference_impl import drawing, operations
from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.drawing import canvas, sheet
from reference_impl.drawing.canvas import LOOKS
from reference_impl.drawing.cells import PLANES
from reference_impl.drawing.failures import Pictures
from reference_impl.drawing.marks import Mark
from reference_impl.drawing.picture import picture
from reference_impl.drawing.view import View
from reference_impl.operations import OPERATIONS
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.call import Call, array_shapes
from reference_impl.verdicts.checks import CHECKS

PAGES = Path(__file__).parents[2] / "docs" / "pictures"
SAME = "n1_h5w5c1_k3x3o1_SAME"
# Two images, groups, four pads, and no two sizes the same.
GENERAL = "n2_h6w7c4_k3x2o6_s2x1_d1x2_g2_p0,1,2,0"


def arrays_of(case, operation):
    random = np.random.default_rng(5)
    shapes = array_shapes(case, operation)
    return {name: random.integers(-9, 10, shape) for name, shape in shapes.items()}


def picture_of(spec, operation, position=None, arrays=None, **shown):
    case = Case.parse(spec)
    call = Call(operation, case, arrays or arrays_of(case, operation))
    return picture(View.chosen(case, operation, position, **shown), call)


def marked(grid, mark):
    return grid.marked.get(mark, set())


def numbers(grid):
    """Return the numbers of the image, row by row."""
    places = sorted(set(grid.texts) - marked(grid, Mark.PADDING))
    return [int(grid.texts[place]) for place in places]


def one_image(rows):
    return np.reshape(rows, (1, len(rows), len(rows[0]), 1))


FILTERS = np.reshape(KERNEL, (3, 3, 1, 1))


# Facts in a picture


def test_conv2d_shows_the_window_with_its_padding():
    input, filters, output = picture_of(SAME, "conv2d", (0, 4)).grids
    assert marked(input, Mark.TAKEN) == {(row, column) for row in (-1, 0, 1) for column in (3, 4, 5)}
    assert marked(filters, Mark.TAKEN) == {(row, column) for row in range(3) for column in range(3)}
    assert marked(output, Mark.SUM) == {(0, 4)}
    assert len(marked(input, Mark.PADDING)) == 49 - 25
    assert input.texts[-1, 5] == "0"
    assert (input.letters[0, 3], input.letters[1, 5]) == (filters.letters[1, 0], filters.letters[2, 2])


def test_backprop_input_shows_what_feeds_a_position_and_what_no_window_reads():
    out_backprop, filters, input_backprop = picture_of("n1_h7w8c1_k2x3o1_s3x2", "conv2d_backprop_input", (3, 4)).grids
    assert out_backprop.letters == {(1, 1): "a", (1, 2): "b"}
    assert filters.letters == {(0, 2): "a", (0, 0): "b"}
    unread = {(row, column) for row in range(7) for column in range(8) if row in (2, 5, 6) or column == 7}
    assert marked(input_backprop, Mark.UNREAD) == unread


def test_backprop_filter_shows_what_a_tap_pairs():
    input, out_backprop, filter_backprop = picture_of("n1_h4w5c1_k2x2o1_s3", "conv2d_backprop_filter", (0, 1)).grids
    assert input.letters == {(0, 1): "a", (0, 4): "b"}
    assert out_backprop.letters == {(0, 0): "a", (0, 1): "b"}
    assert marked(filter_backprop, Mark.SUM) == {(0, 1)}


def test_conv2d_and_transpose_show_the_numbers_of_the_worked_example():
    spec = "n1_h5w5c1_k3x3o1"
    input, filters, output = picture_of(spec, "conv2d", arrays={"input": one_image(IMAGE), "filters": FILTERS}).grids
    assert numbers(input) == [*np.ravel(IMAGE)]
    assert numbers(filters) == [*np.ravel(KERNEL)]
    assert numbers(output) == [*np.ravel(OUTPUT)]
    transposed = picture_of(spec, "conv2d_transpose", arrays={"input": one_image(OUTPUT), "filters": FILTERS})
    assert numbers(transposed.grids[-1]) == [*np.ravel(TRANSPOSED)]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_formula_adds_what_the_letters_pair(operation):
    drawn = picture_of(GENERAL, operation, image=1, output_channel=4)
    (line,) = drawn.lines
    products, total = line.partition("the one drawn here gives ")[2].split(" = ")
    left, right, _ = drawn.grids
    place = {letter: position for position, letter in right.letters.items()}
    paired = [(left.texts[position], right.texts[place[letter]]) for position, letter in left.letters.items()]
    assert re.findall(r"\(?(-?\d+)\)?·\(?(-?\d+)\)?", products) == paired
    assert sum(int(one) * int(other) for one, other in paired) == int(total)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_element_and_titles_are_indices_into_the_arrays(operation):
    case = Case.parse(GENERAL)
    call = Call(operation, case, arrays_of(case, operation))
    view = View.chosen(case, operation, image=1, output_channel=4)
    drawn = picture(view, call)
    arrays = {**call.arrays, view.name(PLANES[operation][-1]): call.run(operations)}
    if operation == "conv2d_transpose":
        assert [grid.name for grid in drawn.grids] == ["input[1, :, :, 4]", "filters[:, :, 0, 4]", "output[1, :, :, 2]"]
    for grid in drawn.grids:
        assert numbers(grid) == [*eval(grid.name, {}, arrays).ravel()]
    element, value = re.match(r"(.*?\]) = (-?\d+)", drawn.lines[0]).groups()
    assert eval(element, {}, arrays) == int(value)


def test_numbers_that_are_rounded_are_not_said_to_be_equal():
    arrays = {"input": np.full((1, 1, 1, 1), 1 / 3), "filters": np.full((1, 1, 1, 1), 2.0)}
    assert picture_of("n1_h1w1c1_k1x1o1", "conv2d", arrays=arrays).lines == ("output[0, 0, 0, 0] = 0.333·2 ≈ 0.667",)
    arrays = {name: np.full((1, 1, 1, 1), Fraction(-1, 3), object) for name in arrays}
    exact = picture_of("n1_h1w1c1_k1x1o1", "conv2d", arrays=arrays).lines
    assert exact == ("output[0, 0, 0, 0] = (-1/3)·(-1/3) = 1/9",)


def test_difference_shows_the_wrong_elements_and_what_the_worst_should_sum():
    case = Case.parse("n2_h5w6c2_k3x3o3_SAME")
    arrays = arrays_of(case, "conv2d")
    expected = Call("conv2d", case, arrays).run(operations)
    actual = expected.astype(np.float32)
    actual[1, 0, 4, 2] += 7
    actual[1, 3, :, 2] -= 100
    actual[1, 3, 5, 2] = np.nan
    actual[0, 2, 2, 0] += 1
    figure = drawing.draw_difference(actual, expected, case, arrays=arrays)
    said = figure.get_label()
    assert "output[1, :, :, 2], 5x6\n    wrong: 0,4 3,0 3,1 3,2 3,3 3,4\n    the worst: 3,5\n" in said
    taken = " ".join(f"{row},{column}" for row in (2, 3, 4) for column in (4, 5, 6))
    assert f"input[1, :, :, 0], 5x6, padding 1+1 rows, 1+1 columns\n    enters the sum: {taken}\n" in said
    assert f"the worst, output[1, 3, 5, 2], is nan and must be {expected[1, 3, 5, 2]}\n" in said
    assert "8 of 180 elements are wrong, 7 of them here; they lie: " in said
    assert texts(figure).count("✗") == 7 + 2  # and in the legend


def test_difference_needs_no_arrays():
    figure = drawing.draw_difference(np.ones((3, 3, 1, 1)), np.zeros((3, 3, 1, 1)), SAME, "conv2d_backprop_filter")
    assert "the worst, filter_backprop[0, 0, 0, 0], is 1.0 and must be 0.0" in figure.get_label()
    assert "enters the sum: -1,-1 -1,0" in figure.get_label()


# Room for texts


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def crowded(figure):
    """Return the texts that lie on one another or outside the figure."""
    figure.draw_without_rendering()
    boxes = {text: text.get_window_extent() for text in figure.axes[0].texts if text.get_text()}
    inside = figure.bbox.padded(1)
    found = [text for text, box in boxes.items() if not all(inside.contains(*corner) for corner in box.corners())]
    return found + [pair for pair in combinations(boxes, 2) if overlap(*(boxes[text] for text in pair))]


def overlap(one, other):
    """True if two boxes overlap by more than the room that a font leaves around its glyphs."""
    shared = one.intersection(one, other)
    return shared is not None and shared.width > 1.5 and shared.height > 0.3 * min(one.height, other.height)


@pytest.mark.parametrize(
    ("spec", "operation"),
    [
        ("n1_h5w6c1_k3x1o1_s2_d2_SAME", "conv2d_backprop_input"),
        ("n1_h28w26c1_k5x5o1", "conv2d"),
        ("n1_h1w1c1_k1x1o1", "conv2d_transpose"),
        (GENERAL, "conv2d_backprop_filter"),
    ],
    ids=str,
)
def test_texts_have_room(spec, operation):
    assert not crowded(drawing.draw(spec, operation))


@pytest.mark.parametrize(
    ("operation", "options"),
    [("conv2d", {"all_channels": True}), ("conv2d_transpose", {"as_matrices": True})],
    ids=["channels", "matrices"],
)
def test_texts_of_channels_and_matrices_have_room(operation, options):
    assert not crowded(drawing.draw("n1_h4w5c2_k2x3o2", operation, **options))


@pytest.mark.parametrize(("name", "value"), [("GAP", -0.5), ("MARGIN", -0.5)])
def test_texts_without_room_are_seen(monkeypatch, name, value):
    for module in (sheet, canvas):
        monkeypatch.setattr(module, name, value, raising=False)
    assert crowded(drawing.draw("n1_h3w2c2_k2x2o1_SAME"))


@pytest.mark.parametrize(("size", "shown"), [(5, 25), (28, 0)])
def test_numbers_are_shown_where_there_is_room(size, shown):
    arrays = {"input": np.full((1, size, size, 1), 777), "filters": FILTERS}
    seen = texts(drawing.draw(f"n1_h{size}w{size}c1_k3x3o1_SAME", arrays=arrays))
    assert (seen.count("777"), seen.count("a")) == (shown, 2)


def test_marks_differ_without_their_colours():
    without = [(look.hatch, look.outline is not None and look.width, look.sign) for look in LOOKS.values()]
    assert len(set(without)) == len(Mark) == len(without)
    assert (None, False, "") not in without


# Files


def test_files_open_and_say_what_they_show(tmp_path):
    figures = list(drawing.animate("n1_h1w3c1_k1x2o1_SAME"))
    said = figures[0].get_label()
    for name, shown in {"a.svg": figures[0], "a.png": figures[0], "a.gif": figures}.items():
        drawing.save(shown, tmp_path / name)
        assert description(tmp_path / name) == said
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    with Image.open(tmp_path / "a.gif") as frames:
        assert (frames.format, frames.n_frames) == ("GIF", 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.png", "a.svg"]


def description(path):
    if path.suffix == ".svg":
        return ET.parse(path).find(".//{http://purl.org/dc/elements/1.1/}description").text
    with Image.open(path) as image:
        return image.info["comment"].decode() if path.suffix == ".gif" else image.info["Description"]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".gif"])
def test_same_picture_has_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    for path in (first, second):
        drawing.save(drawing.draw("n1_h3w2c1_k2x2o1_SAME", seed=3), path)
    assert first.read_bytes() == second.read_bytes()
    drawing.save(drawing.draw("n1_h3w2c1_k2x2o1_SAME", seed=4), second)
    assert first.read_bytes() != second.read_bytes()


def test_save_leaves_the_old_file_when_it_cannot_finish(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")
    figure = drawing.draw("n1_h1w1c1_k1x1o1")
    monkeypatch.setattr(figure, "savefig", lambda path, **options: path.write(b"half") / 0)
    with pytest.raises(ZeroDivisionError):
        drawing.save(figure, path)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.png", "old")]


def test_pictures_of_the_documentation_are_current():
    made = runpy.run_path(str(PAGES / "make.py"))["PICTURES"]
    assert {path.name for path in PAGES.iterdir() if path.suffix in (".svg", ".png", ".gif")} == set(made)
    for name, make in made.items():
        figure = make()
        figure = next(figure) if name.endswith(".gif") else figure
        assert description(PAGES / name) == figure.get_label(), f"{name}: python docs/pictures/make.py"


def test_example_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", (PAGES.parent / "draw.md").read_text(), re.DOTALL)
    exec(compile(example, "draw.md", "exec"), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conv2d.gif", "transpose.png"]


# Errors


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((SAME, "conv3d"), {}, "operation must be one of conv2d, .*; not 'conv3d'"),
        (("n1_h65w5c1_k3x3o1",), {}, "at most 64 positions along an axis; n1_h65w5c1_k3x3o1 has 65 along height"),
        (("n1_h5w63c1_k3x3o1_SAME",), {}, r"has 65 along width \(input 63, padding 1\+1\)"),
        (("n0_h5w5c1_k3x3o1",), {}, "at least one image, channel and position; n0_h5w5c1_k3x3o1 has a size of 0"),
        ((SAME,), {"position": (5, 0)}, "row must be from 0 to 4, not 5"),
        ((SAME,), {"position": (0, 5)}, "column must be from 0 to 4, not 5"),
        ((SAME, "conv2d_backprop_filter"), {"position": (3, 0)}, "row must be from 0 to 2, not 3"),
        ((SAME,), {"image": 1}, "image must be from 0 to 0, not 1"),
        ((GENERAL,), {"input_channel": 4}, "input channel must be from 0 to 3, not 4"),
        ((GENERAL,), {"output_channel": -1}, "output channel must be from 0 to 5, not -1"),
        (
            (GENERAL,),
            {"input_channel": 1, "output_channel": 3},
            "of one group: input channel 1 is of group 0, output channel 3 of group 1",
        ),
        ((SAME,), {"arrays": {"input": [[[[1]]]]}}, "arrays must be input and filters; not input"),
        ((SAME,), {"arrays": {"input": [[[[1]]]], "filters": FILTERS}}, r"input must have shape \(1, 5, 5, 1\)"),
    ],
    ids=str,
)
def test_draw_says_what_must_hold(arguments, options, said):
    with pytest.raises(ValueError, match=said):
        drawing.draw(*arguments, **options)


def test_animate_says_how_many_positions_it_takes():
    with pytest.raises(ValueError, match="at most 100 positions; output of n1_h11w10c1_k1x1o1 has 11x10 = 110"):
        drawing.animate("n1_h11w10c1_k1x1o1")


def test_difference_says_what_must_hold():
    right = np.zeros((1, 5, 5, 1))
    with pytest.raises(ValueError, match="no element is wrong"):
        drawing.draw_difference(right, right, SAME)
    with pytest.raises(ValueError, match=r"actual must have shape \(1, 5, 5, 1\), that of output; not \(5, 5\)"):
        drawing.draw_difference(right[0, :, :, 0], right, SAME)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'conv2d-reference-impl\[draw\]'"):
        drawing.draw(SAME)
    result = run("draw", SAME)
    assert result.exit_code == 2
    assert "pip install 'conv2d-reference-impl[draw]'" in result.output


# The command line


def run(*words):
    return CliRunner().invoke(app, list(words), terminal_width=200)


def test_command_draws_to_a_file_named_for_the_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "draw", "n1_h2w2c1_k2o1", "--operation", "conv2d_transpose"
    result = run(*words)
    assert result.exit_code == 0, result.output
    name = "conv2d_transpose_n1_h2w2c1_k2x2o1.svg"
    assert name in result.output
    assert (tmp_path / name).is_file()
    again = run(*words)
    assert again.exit_code == 2
    assert f"{name} exists; -o {name} replaces it" in again.output
    assert run(*words, "-o", name, "--position", "1,0").exit_code == 0
    assert "the sum: 1,0" in description(tmp_path / name)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--as-convolution", "as conv2d on n1_h2w2c2_k2x2o1_p1,1,1,1"),
        ("--as-matrices", "as a matrix product, folded"),
        ("--all-channels", "filters[:, :, 0, 1]"),
    ],
)
def test_command_draws_in_other_forms(option, said, tmp_path):
    path = tmp_path / "a.png"
    result = run("draw", "n1_h3w3c1_k2x2o2", "--operation", "conv2d_transpose", option, "-o", str(path))
    assert result.exit_code == 0, result.output
    assert said in description(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([SAME, "--as-convolution"], "conv2d is a convolution as it is"),
        (["n1_h5w5c1"], "it ends without k<kernel height>"),
        ([SAME, "-o", "a.pdf"], "must end in one of .svg, .png, .gif; not 'a.pdf'"),
        ([SAME, "-o", "no/such/a.svg"], "there is no folder"),
        ([SAME, "-o", "a.gif", "--position", "0,0"], "to draw --position 0,0, write a .svg or .png"),
        ([SAME, "--position", "2"], "--position must be ROW,COLUMN, for example 0,2; not '2'"),
        ([SAME, "--operation", "conv3d"], "for --operation: must be one of conv2d"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_exits_with_2_when_used_badly(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("draw", *words)
    assert result.exit_code == 2
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


# The pictures of `verify --pictures`


@pytest.mark.parametrize("isolate", [False, True], ids=["here", "isolated"])
def test_pictures_are_of_the_first_failure_of_each_operation_that_can_be_drawn(tmp_path, isolate):
    subject = Subject.of(registry.load("planted:Flipped"), "planted:Flipped")
    pictures = Pictures(tmp_path / "made", isolate)
    exact = [check for check in CHECKS if check.name == "exact"]
    calls = product(["n1_h2w66c1_k1x2o1", SAME, "n1_h2w2c1_k2o1"], ["conv2d", "conv2d_backprop_filter"])
    records = [judge(subject, Case.parse(spec), operation, checks=exact)[0] for spec, operation in calls]
    added = [pictures.added(subject, record) for record in records]
    name = tmp_path / "made" / f"planted_conv2d_{SAME}.png"
    assert "picture: none, as a picture shows at most 64 positions" in added[0].diagnosis
    assert f"picture: {name}" in added[2].diagnosis
    # The kernel is not flipped in the filter's gradient, and the operation has its picture by the third case.
    assert [added[place] for place in (1, 3, 4, 5)] == [records[place] for place in (1, 3, 4, 5)]
    assert list((tmp_path / "made").iterdir()) == [name]
    assert "wrong: " in description(name)
    if isolate:
        subject.apart.backend.process.close()


def test_verify_draws_what_fails(tmp_path):
    words = "verify", "--backend", "planted:Flipped", "--cases", "n1_h2w2c1_k2o1", "--operation", "conv2d"
    result = run(*words, "--processes", "0", "--pictures", str(tmp_path))
    assert result.exit_code == 1
    assert "picture: " in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["planted_conv2d_n1_h2w2c1_k2x2o1.png"]


def test_verify_says_that_pictures_need_a_folder(tmp_path):
    (tmp_path / "file").touch()
    result = run("verify", "--backend", "reference", "--cases", SAME, "--pictures", str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "File exists" in result.output
