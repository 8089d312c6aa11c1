"""The code path of oneDNN follows from the CPU's flags, and from the variables that limit it."""

from __future__ import annotations

import pytest

from reference_impl.backends.cpu import at_least, flags, onednn_path

AVX2 = {"sse4_1", "avx", "avx2"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
BF16 = AVX512 | {"avx512_vnni", "avx512_bf16"}


@pytest.mark.parametrize(
    ("there", "limit", "path"),
    [
        (set(), "", ""),
        (AVX2, "", "avx2"),
        (AVX512, "", "avx512_core"),
        (AVX512 | {"avx512_bf16"}, "", "avx512_core"),  # a path needs all of those before it
        (BF16, "", "avx512_core_bf16"),
        (BF16, "AVX512_CORE_VNNI", "avx512_core_vnni"),
        (BF16, "avx2", "avx2"),
        (AVX2, "AVX512_CORE_BF16", "avx2"),
        (BF16 | {"avx512_fp16"}, "ALL", "avx512_core_fp16"),
    ],
)
def test_path_is_the_best_one_that_the_cpu_has_and_the_limit_allows(there, limit, path):
    assert onednn_path(there, limit) == path


def test_limit_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert onednn_path(BF16) == "avx2"


def test_paths_are_in_order():
    assert at_least("avx512_core_fp16", "avx512_core_bf16")
    assert not at_least("avx512_core", "avx512_core_bf16")
    assert not at_least("", "avx2")


def test_flags_are_words():
    assert all(flag == flag.strip() for flag in flags())
