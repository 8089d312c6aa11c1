"""Narrow groups that threads share give the same answers as one thread, in a child of a fork too."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from integer_arrays import TAKES, Arrays, arrays_of, assert_equal, run, small_arrays
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import windows
from reference_impl.cases.case import Case
from reference_impl.geometry import Convolution

CASES = tuple(
    map(
        Case.parse,
        (
            "n2_h7w9c24_k3x2o36_s2x3_d2x1_g12_p1,2,0,3",
            "n3_h6w5c12_k2x3o12_g12_SAME",
            "n2_h9w8c33_k1x1o22_s3x2_g11",  # most of the input unread
        ),
    )
)


@pytest.fixture
def answers(monkeypatch):
    """Return a function that answers a problem with so many threads. One thread takes all groups at once."""
    monkeypatch.setattr(Convolution, "is_depthwise", property(lambda convolution: False))
    monkeypatch.setattr(windows, "THREAD_ELEMENTS", 0)

    def answer(problem, arrays: Arrays, *, threads: int) -> dict[str, np.ndarray]:
        monkeypatch.setattr(windows, "processors", lambda: threads)
        monkeypatch.setattr(windows, "GROUPS_AT_ONCE", 1)
        monkeypatch.setattr(windows, "FEW_GROUPS", 2**63 if threads == 1 else 1)
        return {operation: run(operation, problem, arrays) for operation in TAKES}

    return answer


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_along_one_axis(axis, kernel, padding, answers):
    for geometry in with_windows(axis, kernel, padding):
        problem = geometry.depthwise
        arrays = arrays_of(problem)
        assert_equal(answers(problem, arrays, threads=2), answers(problem, arrays, threads=1))


@pytest.fixture(params=[True, False], ids=["planes", "channels"])
def copy(request, monkeypatch):
    """Return a function that has threads copy windows by planes, or by channels. Without it, all go by channels."""
    monkeypatch.setattr(windows, "PLANE_CHANNELS", -1)
    monkeypatch.setattr(windows, "GROUP_PLANE_CHANNELS", -1)

    def copy():
        if request.param:
            for name, value in {"GROUP_PLANE_CHANNELS": 2**63, "PLANE_ELEMENTS": 0, "PLANE_GAIN": 0}.items():
                monkeypatch.setattr(windows, name, value)

    return copy


@pytest.mark.parametrize("by_rows", [True, False], ids=["kernel-rows", "windows"])
@pytest.mark.parametrize("products", [1, 100, 2**18], ids=lambda products: f"at-most-{products}-products")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_when_all_sizes_differ(case, products, by_rows, copy, answers, monkeypatch):
    arrays = arrays_of(case)
    expected = answers(case, arrays, threads=1)
    copy()
    monkeypatch.setattr(windows, "goes_by_kernel_rows", lambda convolution: by_rows)
    monkeypatch.setattr(windows, "BLAS_PRODUCTS", products)
    monkeypatch.setattr(windows, "FEWEST_WINDOWS", 0)
    assert_equal(answers(case, arrays, threads=3), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16, np.float64, object], ids=str)
def test_in_every_dtype(dtype, copy, answers):
    arrays = small_arrays(CASES[0], dtype)
    expected = answers(CASES[0], arrays, threads=1)
    copy()
    assert_equal(answers(CASES[0], arrays, threads=3), expected)


def test_real_data_have_the_same_bits_with_any_number_of_threads(answers, copy):
    copy()
    arrays = Arrays(*(np.random.default_rng(0).standard_normal(array.shape) for array in arrays_of(CASES[0])))
    assert_equal(answers(CASES[0], arrays, threads=2), answers(CASES[0], arrays, threads=4))


@pytest.mark.filterwarnings("error")
def test_threads_do_not_warn_of_nan_and_infinity(answers, copy):
    arrays = Arrays(*(np.where(array == 1, np.inf, array / 2) for array in arrays_of(CASES[0])))
    expected = answers(CASES[0], arrays, threads=1)
    copy()
    assert_equal(answers(CASES[0], arrays, threads=2), expected)


@pytest.mark.parametrize(("processors", "expected"), [(1, 16), (2, 16), (3, 11), (4, 8), (8, 8)])
def test_each_thread_has_groups(processors, expected, monkeypatch):
    monkeypatch.setattr(windows, "processors", lambda: processors)
    convolution = Case.parse("n4_h56w56c128_k3x3o128_g32_SAME").convolution  # by planes
    blocks = list(windows.channel_blocks(convolution))
    assert len(blocks[0][0]) == expected
    assert [group for groups, _ in blocks for group in groups] == list(range(32))
    rooms = {tuple(map(len, block[1:])) for groups in blocks for block in windows.position_blocks(convolution, groups)}
    assert rooms == {(1, 15, 56), (1, 11, 56)}  # with any number of threads


class Lost(windows.Thread):
    def run(self) -> None:
        """Do nothing."""


def test_lost_thread_is_seen(answers, monkeypatch):
    arrays = arrays_of(CASES[0])
    expected = answers(CASES[0], arrays, threads=1)
    monkeypatch.setattr(windows, "Thread", Lost)
    found = answers(CASES[0], arrays, threads=2)
    assert all((found[operation] != expected[operation]).any() for operation in TAKES)


@pytest.mark.parametrize("thread", [0, 1])
def test_failure_of_a_thread_is_raised(thread, monkeypatch):
    monkeypatch.setattr(windows, "THREAD_ELEMENTS", 0)
    monkeypatch.setattr(windows, "GROUPS_AT_ONCE", 6)  # two blocks
    monkeypatch.setattr(windows, "FEW_GROUPS", 6)
    monkeypatch.setattr(windows, "processors", lambda: 2)

    def fails(channels):
        if channels[0].start == thread * windows.GROUPS_AT_ONCE:
            raise MemoryError(f"in thread {thread}")

    with pytest.raises(MemoryError, match=f"in thread {thread}"):
        windows.for_channels(fails, CASES[0].convolution)


IN_A_FORK = """
import os
import numpy as np
from reference_impl import conv2d, windows
windows.THREAD_ELEMENTS, windows.processors = 0, lambda: 2
x, w = np.ones((1, 9, 9, 20)), np.ones((3, 3, 1, 40))
assert (conv2d(x, w, groups=20) == 9).all()
child = os.fork()
assert (conv2d(x, w, groups=20) == 9).all()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_of_a_fork_has_threads_too():
    subprocess.run([sys.executable, "-W", "ignore", "-c", IN_A_FORK], check=True, timeout=60)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}, 2),
        ({"OMP_NUM_THREADS": "4,2"}, 8),
        ({"OPENBLAS_NUM_THREADS": "0"}, 1),
        ({"OPENBLAS_NUM_THREADS": "99"}, 8),
    ],
    ids=str,
)
def test_threads_are_those_of_blas(variables, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert windows.processors() == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("n4_h28w28c256_k3x3o256_g32_SAME", True),
        ("n1_h7w7c1024_k3x3o1024_g32_SAME", False),  # little work
        ("n4_h28w28c256_k3x3o256_g16_SAME", False),  # few groups
        ("n4_h28w28c2048_k3x3o2048_g32_SAME", False),  # wide groups
        ("n4_h28w28c256_k3x3o256_SAME", False),
    ],
)
def test_threads_share_many_narrow_groups(spec, expected):
    assert windows.goes_by_threads(Case.parse(spec).convolution) == expected
