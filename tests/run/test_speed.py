"""A slow kernel is not wrong: calls that would take too long are left out, and told apart from a hang."""

from __future__ import annotations

import time
from math import inf

import pytest
from typer.testing import CliRunner

import reference_impl as ref
from reference_impl.backends.protocol import Capabilities, Lack
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.run import speed
from reference_impl.run.speed import FREE, Speed, patience_of, smaller

LARGE = Case.parse("n4_h40w30c16_k3x3o32_p1,1,1,1")
MOST = 30_000


class Right:
    name, version = "kernel", "1.0"
    capabilities = Capabilities(operations=("conv2d",), dtypes=("float32",))

    def conv2d(self, input, filters, **options):
        answer = ref.conv2d(input, filters, **options).astype(input.dtype)
        self.wait(answer.size * filters[..., 0].size)
        return answer

    def wait(self, multiply_adds):
        """Take the time that a kernel of some kind takes for so many multiply-adds."""


class Slow(Right):
    def wait(self, multiply_adds):
        time.sleep(5e-6 * multiply_adds)


class Compiles(Right):
    """Takes long for the first call of each size, as what is compiled."""

    def __init__(self):
        self.known = set()

    def wait(self, multiply_adds):
        if multiply_adds not in self.known:
            self.known.add(multiply_adds)
            time.sleep(0.2)


class Raises(Right):
    def wait(self, multiply_adds):
        raise ValueError("one shape only")


class OneShape(Slow):
    capabilities = Capabilities(
        operations=("conv2d",), dtypes=("float32",), lacks=(Lack("one shape", lambda operation, case: case != LARGE),)
    )


class HangsIfStrided(Right):
    def conv2d(self, input, filters, **options):
        while tuple(options["strides"]) != (1, 1):
            pass
        return super().conv2d(input, filters, **options)


class Clock:
    """A clock that nothing but the sleep of a kernel moves."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setitem(globals(), "time", clock)


def too_slow(backend, patience, case=LARGE):
    return Speed().too_slow(backend, "conv2d", case, 0, patience)


@pytest.mark.usefixtures("clock")
def test_call_that_takes_longer_by_the_time_of_a_smaller_one_is_too_slow():
    said = "too slow to be asked: by the time of smaller calls, one takes more than 10 s (--timeout)"
    assert too_slow(Slow(), 10) == said


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("backend", "patience", "case"),
    [
        (Right(), 10, LARGE),
        (Slow(), inf, LARGE),
        (Slow(), 1000, LARGE),
        (Slow(), 1e-9, Case.parse("n1_h30w30c1_k3x3o10")),
        (Compiles(), 10, LARGE),
    ],
)
def test_other_calls_are_made(backend, patience, case):
    assert too_slow(backend, patience, case) is None


@pytest.mark.parametrize("backend", [Raises(), OneShape()])
def test_nothing_is_said_of_a_kernel_that_answers_no_smaller_call(backend):
    assert too_slow(backend, 10) is None


@pytest.mark.parametrize(
    "case", [one for name in ("networks", "kernelbench") for one in catalogue.load(name)[::4]], ids=str
)
def test_smaller_call_is_of_the_same_kind(case):
    small = smaller(case, MOST)
    assert small.multiply_adds <= MOST
    kept = ("kernel_size", "strides", "dilations", "padding", "dtype")
    assert [getattr(small, name) for name in kept] == [getattr(case, name) for name in kept]
    assert (small.groups > 1) == (case.groups > 1)
    # Few of its taps lie in the padding.
    assert small.height >= min(case.height, 2 * case.convolution.height.kernel_extent)


def test_cases_that_are_named_may_take_the_whole_time_limit():
    assert (patience_of(60, chosen=True), patience_of(60, chosen=False)) == (10, 60)


def verify(kernel, *words):
    return CliRunner().invoke(app, ["verify", "--backend", f"{__file__}:{kernel}", "--processes", "1", *words])


def test_slow_call_is_told_apart_from_a_hang_and_the_others_are_judged(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    cases = [f"--cases={LARGE}", "--cases=n1_h5w6c2_k3x2o3"]
    result = verify("Slow", *cases, "--timeout", "30", "--check", "exact")
    assert result.exit_code == 0, result.stdout
    said = "kernel 1.0: RIGHT  1 call, 1 more call is too slow to be asked; asked was exact alone"
    assert result.stdout.splitlines()[0] == said
    assert result.stdout.splitlines()[0] == result.stdout.splitlines()[-1]
    assert "kernel: judged 1 of 2 calls; 1 too slow to be asked: by the time of smaller calls" in result.stdout
    assert "t: not made, as calls take too long or hang." in result.stdout


def test_calls_that_were_not_made_after_others_hung_are_not_said_to_hang():
    cases = [f"--cases=n1_h{size}w5c1_k3x3o2_s2x2" for size in (5, 6, 7, 8)]
    result = verify("HangsIfStrided", *cases, "--cases=n1_h5w5c1_k3x3o2", "--timeout", "0.5", "--check", "exact")
    assert result.stdout.startswith("kernel 1.0: WRONG  hang")
    assert "(3 of 3 calls); 2 more calls are not made" in result.stdout.splitlines()[0]
    assert "kernel: judged 3 of 5 calls; 2 not asked: 3 calls before gave no answer within 0.5 s" in result.stdout


def test_endless_loop_is_told_as_a_hang_on_a_smaller_case():
    strided = f"{LARGE}".replace("o32", "o32_s2x2")
    assert Case.parse(strided).multiply_adds > FREE
    result = verify("HangsIfStrided", f"--cases={strided}", "--timeout", "1", "--check", "exact")
    assert result.exit_code == 1
    assert result.stdout.startswith("kernel 1.0: WRONG  hang")
    assert "no answer within 1 s" in result.stdout
    assert f"--cases {smaller(Case.parse(strided), MOST)}" in result.stdout
