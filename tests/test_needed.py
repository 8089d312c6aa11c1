"""Tests see whether the things that they need are there. A misspelt CPU is an error, and not taken for missing."""

import sys

import needed
import pytest


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("", "a CPU with AVX-512", False),
        ("avx2_vnni_2", "a CPU with AVX-512", False),
        ("avx512_core", "a CPU with AVX-512", True),
        ("avx512_core_vnni", "a CPU with AVX-512 BF16", False),
        ("avx512_core_amx", "a CPU with AVX-512 BF16", True),
        ("avx512_core_bf16", "a CPU with AVX-512 FP16", False),
        ("avx512_core_fp16", "a CPU with AVX-512 and without AMX", True),
        ("avx512_core_amx_fp16", "a CPU with AVX-512 and without AMX", False),
        ("avx2", "a CPU with AVX-512 and without AMX", False),
    ],
)
def test_cpu_is_known_by_its_best_code_path(path, name, expected, monkeypatch):
    monkeypatch.setattr(needed.cpu, "onednn_path", lambda: path)
    assert needed.is_there(name) is expected


@pytest.mark.parametrize("path", ["avx2", "avx512_core"])
@pytest.mark.parametrize("name", ["a CPU with AVX512", "a CPU with AVX-512 and without AMX2"])
def test_unknown_instructions_are_an_error_on_each_cpu(name, path, monkeypatch):
    monkeypatch.setattr(needed.cpu, "onednn_path", lambda: path)
    with pytest.raises(KeyError):
        needed.is_there(name)


def test_programs_and_packages_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not needed.is_there("clang")
    program = tmp_path / ("clang.exe" if sys.platform == "win32" else "clang")
    program.touch(mode=0o755)
    assert needed.is_there("clang")
    assert needed.is_there("numpy")
    assert not needed.is_there("no_such_package")
