"""A scope has exactly the valid configurations within its bounds, in chunks that do not overlap."""

from __future__ import annotations

from itertools import product

import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run.known_failures import tensorflow, torch
from reference_impl.run.sweep.scope import NAMED, Scope


def test_tiny_is_exactly_the_brute_force_set():
    scope, bounds = Scope.named("tiny"), NAMED["tiny"]
    pads = [*bounds.padding, *product(bounds.pads, repeat=2)]
    pairs = [list(product(part, repeat=2)) for part in (bounds.kernel, bounds.strides, bounds.dilations)]
    expected = set()
    for n, h, w, i, o, g, k, s, d, p in product(
        bounds.batch,
        bounds.height,
        bounds.width,
        bounds.input_channels,
        bounds.output_channels,
        bounds.groups,
        *pairs,
        pads,
    ):
        try:
            case = Case(n, h, w, i, k, o, s, d, g, p)
        except ValueError:
            continue
        expected |= {(operation, case) for operation in OPERATIONS}
    found = [one for number in range(scope.number_of_chunks) for one in scope.chunk(number)]
    assert len(found) == len(set(found)) == len(scope)
    assert set(found) == expected


def test_random_chunk_is_the_same_each_time_and_another_for_another_seed():
    first, same, other = Scope.named("random"), Scope.named("random"), Scope.named("random", seed=1)
    assert first.chunk(3) == same.chunk(3) != other.chunk(3)
    assert first.identity == same.identity != other.identity
    assert first.configurations is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("batch = 1\n", "bounds must have a line for each of"),
        ("batch = one\n", r"bounds:1: batch must be integers or ranges"),
        ("size = 1\n", r"bounds:1: a line must be `key = values`"),
        ("batch = 1\nbatch = 2\n", r"bounds:2: each key must be given once"),
    ],
)
def test_wrong_bounds_are_refused(tmp_path, text, said):
    (tmp_path / "bounds").write_text(text)
    with pytest.raises(ValueError, match=said):
        Scope.read(tmp_path / "bounds")


def test_file_of_bounds_and_file_of_specs_are_read(tmp_path):
    (tmp_path / "bounds").write_text(
        "batch = 1\nheight = 4-5\nwidth = 6\ninput_channels = 1\nkernel = 3\noutput_channels = 2\n"
    )
    (tmp_path / "specs").write_text("n1_h4w6c1_k3x3o2\n")
    assert [str(case) for _, case in Scope.read(tmp_path / "bounds").chunk(0)][::4] == [
        "n1_h4w6c1_k3x3o2",
        "n1_h5w6c1_k3x3o2",
    ]
    assert len(Scope.read(tmp_path / "specs")) == 4


# A CPU with all code paths of oneDNN that known failures ask for.
FACTS = {"onednn_dtypes": ("float32", "bfloat16", "float16"), "onednn_path": "avx512_core_fp16"}


@pytest.mark.parametrize(
    ("when", "dtype"),
    [
        (tensorflow.takes_rows_for_columns, "float32"),
        (tensorflow.gradient_overruns_a_workspace, "float32"),
        (tensorflow.windows_surround_with_a_bias, "float32"),
        (tensorflow.filter_gradient_reads_what_nothing_wrote, "bfloat16"),
        (torch.sums_one_column_wrongly, "bfloat16"),
        (torch.taps_read_only_padding, "bfloat16"),
        (torch.overruns_a_workspace, "float32"),
    ],
)
def test_small_holds_the_shapes_of_known_bugs(when, dtype):
    bounds = NAMED["small"]
    assert any(when(case.with_dtype(dtype), FACTS) for case in bounds.cases(0, bounds.count))
