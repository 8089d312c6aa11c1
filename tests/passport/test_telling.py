"""The passport as a whole: what has no tree is told as that, by what shows it; and the command."""

from __future__ import annotations

import importlib
import json
import math

import numpy as np
import pytest
from passport.planted_sums import Planted
from summation import Arithmetic
from typer.testing import CliRunner

from reference_impl.backends import environments
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.passport import text
from reference_impl.passport.telling import Passport, passport, told_sum

CASE = Case.parse("n1_h3w3c12_k1x1o4")


def ask(kernel):
    return lambda calls: [call.run(kernel) for call in calls]


class Racing(Planted):
    """Adds in another order each time."""

    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(0)

    def add(self, terms):
        return super().add(self.random.permutation(terms))


class Exact(Planted):
    """Adds without rounding, and rounds once."""

    def add(self, terms):
        flat = terms.reshape(len(terms), -1)
        return np.array([math.fsum(column) for column in flat.T]).reshape(terms.shape[1:])


def test_compensated_sum_is_told_as_that():
    found = told_sum(ask(Planted("Kahan")), "conv2d", CASE)
    assert found.order.startswith("compensated (as Kahan's)")
    assert found.tree is None


@pytest.mark.parametrize("order", ["sequential", "reversed", "fused"])
def test_plain_chain_is_not_taken_for_a_compensated_one(order):
    assert told_sum(ask(Planted(order)), "conv2d", CASE).order.startswith("one after another")


def test_exact_sum_has_no_order():
    assert told_sum(ask(Exact(fused=True)), "conv2d", CASE).order.startswith("no order shows")


def test_race_is_told_and_no_order():
    told = passport(
        ask(Racing()), {"conv2d": [CASE]}, {"conv2d": [Case.parse("n3_h3w3c12_k1x1o4")]}, "float32", lambda count: None
    )
    assert told.sums[0].order == "cannot be told: the bits differ from run to run"
    assert "cannot: deterministic" in text.answer(told)


@pytest.mark.parametrize(("module", "spec"), [("winograd", "n1_h6w6c4_k3x3o3"), ("fft", "n1_h6w6c4_k3x3o3")])
def test_transforms_are_told_by_factors_that_they_mix(module, spec):
    kernel = getattr(importlib.import_module(f"examples.kernels.{module}"), module.capitalize())()
    found = told_sum(ask(kernel), "conv2d", Case.parse(spec))
    assert found.untold
    assert "products of 0 and large numbers change the sum" in found.order


def test_error_of_a_truncated_sum_is_larger_and_was_expected():
    from summation import NEAREST, Arithmetic

    case = Case.parse("n1_h4w4c24_k1x1o8")
    right, wrong = (
        told_sum(ask(Planted("sequential", arithmetic)), "conv2d", case).errors
        for arithmetic in (NEAREST, Arithmetic(24, "truncated"))
    )
    assert wrong.root_mean_square > 1.5 * right.root_mean_square
    assert wrong.expected > 1.5 * right.expected
    assert 0.5 < right.root_mean_square / right.expected < 1.2


def test_command_writes_text_and_json(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "declared", lambda name: {})  # three processes fewer
    path = tmp_path / "passport.json"
    arguments = ["passport", "--backend", "passport.breaking:Steady", "--case", "n1_h2w2c5_k1x1o2", "--json", str(path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert result.output.startswith("Steady unversioned, float32: one after another; adds in float64 (53 bits)")
    (told,) = json.loads(path.read_text())["passports"]
    assert told["sums"][0]["terms"] == 5


def test_interruption_keeps_the_passports_that_are_complete(tmp_path, monkeypatch):
    told = [Passport("first", "1.0", "float32", (), {})]

    def one_and_then_a_signal(*arguments):
        yield from told
        raise KeyboardInterrupt

    monkeypatch.setattr("reference_impl.passport.command._asked", one_and_then_a_signal)
    path = tmp_path / "passport.json"
    result = CliRunner().invoke(app, ["passport", "--json", str(path)])
    assert result.exit_code == 130
    assert "first 1.0, float32" in result.output
    assert "Interrupted: 1 passports are complete" in result.output
    assert len(json.loads(path.read_text())["passports"]) == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--backend", "passport.breaking:Steady", "--dtype", "float64"], 4),
        (["--dtype", "int8"], 2),
        (["--case", "n1"], 2),
        (["--backend", "torch@nowhere"], 2),
    ],
)
def test_exit_status(arguments, status):
    assert CliRunner().invoke(app, ["passport", *arguments]).exit_code == status


@pytest.mark.parametrize("order", ["sequential", "reversed", "4 lanes", "pairwise", "split in 3", "fused"])
@pytest.mark.parametrize("bits", [11, 24])
def test_replay_gives_the_bits_of_a_kernel_whose_order_is_told(order, bits):
    from summation import Arithmetic

    found = told_sum(ask(Planted(order, Arithmetic(bits))), "conv2d", CASE)
    assert found.replayed.right == found.replayed.count


def test_replay_shows_a_kernel_that_adds_otherwise_than_its_masks_say():
    class Dithers(Planted):
        def add(self, terms):
            return super().add(terms * (1 + 1e-7 * (np.abs(terms) % 1 > 0)))  # powers of two are left as they are

    found = told_sum(ask(Dithers()), "conv2d", CASE)
    assert found.order == "one after another"
    assert found.replayed.right < found.replayed.count


def test_answer_that_is_wider_than_the_arguments_is_replayed():
    class Wide(Planted):
        def _sum(self, terms, dtype):
            return super()._sum(terms, np.float64)

    found = told_sum(ask(Wide("8 lanes", Arithmetic(53))), "conv2d", CASE)
    assert found.replayed.right == found.replayed.count
    assert found.errors.expected < 1e-8  # in float32's eps: the sums are rounded to 53 bits, the last one too
    assert found.errors.root_mean_square < 1e-8


def test_bits_of_two_passports_are_compared():
    case = Case.parse("n2_h3w3c12_k1x1o4")

    def of(name, order):
        return passport(
            ask(Planted(order)),
            {"conv2d": [case]},
            {"conv2d": [case]},
            "float32",
            lambda count: None,
            name=name,
            promises=(),
        )

    one, same, other = of("one", "sequential"), of("same", "sequential"), of("other", "reversed")
    said = "\n".join(text.lines(one, [one, same, other]))
    assert "same bits as     same (1 cases)" in said
    assert f"other bits than  other (on 1 of 1 cases: {case})" in said
    assert "one after another (the same as same)" in said


def test_first_line_names_the_most_frequent_order():
    cases = [Case.parse(f"n1_h1w1c{channels}_k1x1o1") for channels in (4, 12, 20)]

    def shifting(calls):
        orders = ["reversed" if call.case.input_channels == 4 else "sequential" for call in calls]
        return [call.run(Planted(order)) for call, order in zip(calls, orders)]

    told = passport(
        shifting, {"conv2d": cases}, {"conv2d": []}, "float32", lambda count: None, name="planted", promises=()
    )
    assert "float32: one after another (2 of 3 sums); adds in float32 (24 bits)" in text.answer(told)
