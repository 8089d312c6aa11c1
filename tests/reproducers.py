"""The code in docs/findings/ prints what its page says: each block alone, in a process of its own.

`tox run -e findings`. Not part of the default run, as it needs all frameworks, in the versions that the pages name. A
block that needs instructions of a CPU names them in its first line: elsewhere it is left out, and counted.
"""

from __future__ import annotations

import ast
import doctest
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parent.parent / "docs" / "findings").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
_ENDED = "ended"
# An error is what a block shows, as much as what it prints.
_RUN = f"""
import sys
try:
    exec(compile(sys.stdin.read(), "reproducer", "exec"), {{"__name__": "__main__"}})
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
print({_ENDED!r}, file=sys.stderr)
"""


def blocks(page):
    """List (heading, code, its output, or None if the page does not say) of each block of Python."""
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        yield re.findall(r"^## (.*)$", text[: found.start()], re.MULTILINE)[-1], *found.groups()


def seen(code, seconds=120, python=sys.executable):
    """Run `code`. Return what it prints, its error included, and how its process ends, if not by itself."""
    try:
        done = subprocess.run([python, "-u", "-c", _RUN], input=code, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode() + "does not return\n"
    if done.returncode < 0:
        return f"{done.stdout}dies of {signal.Signals(-done.returncode).name}\n"
    if _ENDED not in done.stderr.splitlines():
        return f"{done.stdout}ends with status {done.returncode}\n"
    return done.stdout


def agrees(said, printed):
    """As in doctest, ... stands for anything, and any white space for any other."""
    return doctest.OutputChecker().check_output(said, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def packages(code):
    """List the packages that a block imports, and the one that Keras is set to compute with."""
    nodes = [*ast.walk(ast.parse(code))]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += re.findall(r'"KERAS_BACKEND"\] = "(\w+)"', code)
    return sorted({module.partition(".")[0] for module in modules})


def needs(code):
    """List what else a block needs: the CPU that its first line names, and clang for tinygrad."""
    return re.findall(r"\A# Needs (.*)\.$", code, re.MULTILINE) + ["clang"] * ("tinygrad" in packages(code))


def _all():
    for page in PAGES:
        for number, (heading, code, said) in enumerate(blocks(page), 1):
            marks = [pytest.mark.framework(name) for name in packages(code) + needs(code)]
            yield pytest.param(code, said, id=f"{page.stem}-{number}: {heading}", marks=marks)


@pytest.mark.parametrize(("code", "said"), [*_all()])
def test_reproducer_shows_what_its_page_says(code, said):
    printed = seen(code)
    assert agrees(said, printed), f"the page says\n{said}\nand the code prints\n{printed}"
