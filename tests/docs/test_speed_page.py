"""The page about speed keeps what the benchmarks write into it, and their tables are right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import speed_tables

    yield speed_tables
    del sys.modules["speed_tables"]


@pytest.mark.parametrize("script", ["operations.py", "growth.py", "exact.py"])
def test_page_has_a_place_for_each_script(script, tables, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text((ROOT / "docs" / "speed.md").read_text())
    tables.write(page, script, "| first |")
    tables.write(page, script, "| second |")
    text = page.read_text()
    assert "| second |" in text
    assert "| first |" not in text
    assert (ROOT / "benchmarks" / script).exists()


def test_page_without_marks_is_refused(tables, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Speed\n")
    with pytest.raises(ValueError, match=r"must have the lines <!-- growth\.py writes from here -->"):
        tables.write(page, "growth.py", "")


def found(**seconds: float) -> dict:
    row = {"batch": 1, "network": "N", "product": "conv2d"}
    rows = [
        row
        | {
            "kind": "1x1",
            "layer": "n1_h4w4c64_k1x1o4",
            "times": 3,
            "seconds": {"ours": 2.0, "torch": 1.0, "onnx": 1.0},
        },
        row | {"kind": "dense", "layer": "n1_h4w4c8_k3x3o4", "times": 1, "seconds": {"ours": 2.0, **seconds}},
    ]
    return {
        "contenders": ["torch", "onnx"],
        "rows": rows,
        "machine": "M",
        "left out": {},
        "small call": {},
        "scratch": {},
    }


def test_means_are_geometric_and_weighted(tables):
    (every,) = [mean for mean in tables.means(found(torch=32.0)) if (mean.kind, mean.product) == ("all", "all")]
    assert every.ratios["torch"] == pytest.approx((2**3 / 16) ** 0.25)


def test_contender_that_lacks_a_layer_has_no_mean_over_it(tables):
    ratios = {mean.kind: mean.ratios for mean in tables.means(found(torch=1.0)) if mean.product == "all"}
    assert set(ratios["all"]) == {"torch"}
    assert set(ratios["1x1"]) == {"torch", "onnx"}


def test_layers_of_many_channels_have_a_mean_of_their_own(tables):
    ratios = {mean.kind: mean.ratios for mean in tables.means(found(torch=32.0)) if mean.product == "all"}
    assert ratios[tables.WIDE]["torch"] == pytest.approx(2)


def test_page_shows_before_beside_now(tables):
    text = tables.markdown(found(torch=1.0), found(torch=2.0), None)
    assert "| N | dense | conv2d | 1 | 1.00 | 2.00 |" in text


@pytest.mark.parametrize(("torch", "said"), [(1.5, "1.33 |"), (1.0, "2.00 (missed) |")])
def test_page_says_which_targets_are_missed(torch, said, tables, monkeypatch):
    monkeypatch.setattr(tables, "TARGETS", (("N", "dense", "torch", 1.4), ("Another", "dense", "torch", 1.0)))
    (row,) = [row for row in tables.markdown(found(torch=torch), None, None).splitlines() if " 1.4 of torch" in row]
    assert row == f"| N | dense | 1.4 of torch | {said}"
