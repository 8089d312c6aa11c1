"""The tables of passports: whose bits a route gives, and which promises only one of two keeps."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASES = {f"n{number}_h3w3c2_k1x1o2": "a digest" for number in range(1, 8)}


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("passport_tables")


@pytest.fixture
def passports(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("passports")


def kept(name, *, alike="", broken=False, bits=CASES):
    """A passport of one operation, as the folder keeps it."""
    told = {
        "operation": "conv2d",
        "case": "n1_h3w3c2_k1x1o2",
        "terms": 2,
        "order": "one after another",
        "tree": None,
        "precision": {"additions": {"2": 24}},
        "replayed": {"right": 16, "count": 16},
        "places": None,
    }
    seen = "other bits of an image alone and as number 0 of 2: n1_h3w3c2_k1x1o2" if broken else "60 comparisons"
    return {
        "backend": name,
        "version": "2.13.0",
        "cpu": "a CPU",
        "dtype": "float32",
        "bits": {"conv2d": bits},
        "alike": {"conv2d": alike} if alike else {},
        "errors": {},
        "changes": {},
        "sums": [] if alike else [told],
        "invariances": {"conv2d": [{"promise": "batch-invariant", "holds": not broken, "seen": seen}]},
    }


def test_routes_with_other_bits_are_named(tables):
    found = [kept("torch", broken=True), kept("torch:bias", alike="torch"), kept("torch:native"), kept("torch@avx2")]
    row = tables.summary(found).splitlines()[2]
    assert row.startswith("| torch | float32 | float32 |")
    assert "| no: `conv2d` |" in row
    assert row.endswith("| `:native`, `@avx2` |")


@pytest.mark.parametrize(("third", "said"), [("", "`:last*`"), ("torch", "`:last`, `:last_images`")])
def test_star_stands_only_for_names_that_all_differ(tables, third, said):
    names = [kept("torch:last"), kept("torch:last_images"), kept("torch:last_filters", alike=third)]
    assert tables.summary([kept("torch"), *names]).endswith(f"| {said} |")


@pytest.mark.parametrize(("bits", "said"), [(CASES, "torch"), ({"n1_h3w3c2_k1x1o2": "a digest"}, "torch (on 1 case)")])
def test_backend_whose_bits_are_given_is_named(tables, bits, said):
    table = tables.whose_bits([kept("torch"), kept("torch:bias", alike="torch", bits=bits)])
    assert table.splitlines()[2:] == ["| `torch` | – | – | own | – |", f"| `torch:bias` | – | – | {said} | – |"]


def test_promise_that_only_one_keeps_is_shown(tables):
    found = [kept("torch"), kept("torch@avx2", alike="torch", broken=True)]
    assert tables.other_promises(found).splitlines()[2] == (
        "| `torch@avx2` | `torch` | float32 | `conv2d` | batch-invariant | `torch` |"
    )
    assert tables.other_promises([kept("torch"), kept("torch@avx2", alike="torch")]) == "None."


def test_one_other_digest_makes_the_bits_another_s(passports):
    plain = kept("torch")
    assert passports._gives(plain, "conv2d", CASES)
    assert not passports._gives(plain, "conv2d", CASES | {"n3_h3w3c2_k1x1o2": "another digest"})
    assert not passports._gives(kept("torch:bias", alike="torch"), "conv2d", CASES)


def test_page_says_how_it_was_made(tables):
    page = importlib.import_module("passport_page").page([kept("torch"), kept("torch:bias", alike="torch")])
    assert "2 passports" in page
    assert "python benchmarks/passports.py FOLDER torch torch:bias\n" in page
    assert "CPU: a CPU. torch 2.13.0." in page
