"""What a user meets first: an import that needs NumPy alone, and commands that are what they are said to be."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_import_loads_nothing_but_numpy():
    code = (
        "import sys, numpy; before = set(sys.modules); import reference_impl; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"reference_impl", "numpy"}


def test_module_and_command_are_the_same():
    shown = subprocess.run(
        [sys.executable, "-m", "reference_impl", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Usage: conv2d-reference" in shown
    assert 'conv2d-reference = "reference_impl.__main__:main"' in (ROOT / "pyproject.toml").read_text()


def test_command_line_names_the_extra_that_it_needs():
    code = "import sys; sys.modules['typer'] = None; from reference_impl.__main__ import main; main()"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "pip install 'conv2d-reference-impl[verify]'" in failed.stderr


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = re.findall(r"\.venv/bin/(pytest .*)", (ROOT / "README.md").read_text())
    (run,) = re.findall(r"\$environment/bin/pytest\" (.*)", (ROOT / ".ci" / "run").read_text())
    assert f"pytest {run}".startswith(command)
