"""Modules in the current directory are imported only if `--backend` names one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CASE = "n2_h7w9c3_k3x2o4"


@pytest.fixture
def run(tmp_path, request):
    """Run `verify` in a folder of its own; return its exit status and what it prints."""
    path = [request.config.rootpath, request.config.rootpath / "tests"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "COLUMNS": "200"}

    def run(*words, before="true"):
        command = ["sh", "-c", f'{before} && exec "$0" "$@"', sys.executable, "-m", "reference_impl", "verify"]
        words = [*command, "--cases", CASE, *words]
        ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
        return ran.returncode, ran.stdout + ran.stderr

    return run


def test_file_with_the_name_of_a_framework_is_not_imported(run, tmp_path):
    for name in ("scipy", "rich", "typer", "json"):
        (tmp_path / f"{name}.py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    status, said = run("--backend", "scipy", "--backend", "reference", "--cases", "n1_h5w4c1_k3x2o1")
    assert list(tmp_path.glob("*.ran")) == []
    assert status == 0, said
    assert "2 backends" in said


@pytest.mark.parametrize("processes", ["0", "1"])
def test_module_that_is_named_is_found_with_its_neighbours(run, tmp_path, processes):
    (tmp_path / "mine.py").write_text("import neighbour\nKernel = neighbour.Kernel\n")
    (tmp_path / "neighbour.py").write_text("import planted\nclass Kernel(planted.Right):\n    name = 'mine'\n")
    status, said = run("--backend", "mine:Kernel", "--processes", processes)
    assert status == 0, said


@pytest.mark.parametrize("backend", ["reference", "planted:Right"])
def test_folder_that_is_deleted_does_no_harm(run, tmp_path, backend):
    (tmp_path / "gone").mkdir()
    status, said = run("--backend", backend, before="cd gone && rmdir ../gone")
    assert status == 0, said
    assert "Traceback" not in said
