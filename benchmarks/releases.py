"""Run the reproducers of a page of docs/findings/ on other releases of its framework.

    python benchmarks/releases.py torch PYTHON [PYTHON ...] [--only TEXT]

`--only` runs those whose heading has the text. Each PYTHON is an interpreter, as of a virtual environment that has
another release. A line is a reproducer: "as here" where it prints what the page says, which is the bug. Else the end of
what it prints. A reproducer that needs another CPU, or a program that is missing, is not run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import needed  # noqa: E402
from reproducers import PAGES, agrees, blocks, needs, seen  # noqa: E402

_MOST_SHOWN = 60


def version(python, framework):
    code = f"import importlib.metadata as m; print(m.version({framework!r}))"
    for name in (framework, f"{framework}-cpu"):
        done = subprocess.run([python, "-c", code.replace(framework, name)], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    raise SystemExit(f"{python} must have {framework} installed; it has not")


def main(framework, *pythons):
    pythons, _, only = " ".join(pythons).partition("--only")
    pythons, only = pythons.split(), only.strip()
    page = next(page for page in PAGES if page.stem == framework)
    versions = {python: version(python, framework) for python in pythons}
    for number, (heading, code, said) in enumerate(blocks(page), 1):
        if only not in heading:
            continue
        missing = [name for name in needs(code) if not needed.is_there(name)]
        print(f"{number}: {heading}" + "".join(f" (not run: needs {name})" for name in missing))
        if missing:
            continue
        for python, of in versions.items():
            printed = seen(code, python=python)
            shown = "as here" if agrees(said or "", printed) else " ".join(printed.split())[-_MOST_SHOWN:]
            print(f"    {of:<10} {shown}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
