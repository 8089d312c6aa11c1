"""Reproducer: a script that shows one wrong call with the framework and NumPy alone, with its data as literals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, indent

import numpy as np

from ..cases.case import Case
from ..explain import FRAMEWORKS, SNIPPET_DTYPES, snippets
from ..explain.snippet import RESULTS, Snippet

SHOWN, NOT_SHOWN, CANNOT_RUN = 1, 0, 2
"""Exit statuses of a script."""
# The most elements of all arrays of a script.
MOST_ELEMENTS = 5000
_MODULES = {"onnx": "onnxruntime"}
# With these, NumPy has bfloat16 once they are imported; or, with torch, the code makes it from float32.
_TAKE_BFLOAT16 = ("torch", "tensorflow", "jax")

_TEMPLATE = '''\
"""{about}

Exit status: 1 if the bug shows, 0 if it does not, 2 if {module} cannot be imported.
If the process dies or never ends, that is the bug.
"""

import os
import platform
import sys

import numpy as np

os.environ.update({environment})
try:
    import {module}
except ImportError as error:
    print(error)
    sys.exit(2)

print("{module}", {module}.__version__, "NumPy", np.__version__)
print("Python", platform.python_version(), platform.platform())

{arrays}

try:
{code}
except Exception as error:
    print("refused:", type(error).__name__, error)
    sys.exit(1)

actual = np.asarray({result})
if actual.shape != expected.shape:
    print("wrong shape: actual", actual.shape, "expected", expected.shape)
    sys.exit(1)
wrong = actual != expected
print(np.count_nonzero(wrong), "of", wrong.size, "elements are wrong")
if wrong.any():
    place = tuple(int(number) for number in np.argwhere(wrong)[0])
    print("first at", place, "actual", actual[place], "expected", expected[place])
sys.exit(int(wrong.any()))
'''


def script(
    framework: str,
    operation: str,
    case: Case,
    arrays: Mapping[str, np.ndarray],
    expected: np.ndarray,
    *,
    about: str = "",
    title: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Write a script that makes one call of a framework, and compares the answer with the right one.

    Parameters
    ----------
    framework : one of `explain.FRAMEWORKS`
    arrays : the arguments of the operation by name, integers in the case's dtype
    expected : the right answer, computed by the oracle
    about : one line on the bug, which the script starts with
    title : the title of the snippet to use, as `explain` prints it; by default the first that does the operation
    environment : variables that are set before the framework is imported

    Raises
    ------
    ValueError
        If `explain` has no code for this call, or if the arrays have more than MOST_ELEMENTS elements.
    """
    snippet = _snippet(framework, operation, case, title)
    code, dtype = snippet.code, case.dtype
    if framework == "torch" and dtype == "bfloat16":
        code, dtype = _in_bfloat16(code), "float32"
    count = sum(array.size for array in (*arrays.values(), expected))
    if count > MOST_ELEMENTS:
        raise ValueError(f"arrays must have at most {MOST_ELEMENTS} elements to be written as literals, not {count}")
    given = {"input": case.input_sizes, "filters": case.filter_sizes, "out_backprop": case.output_shape}
    named = {"input": "out_backprop"} if operation == "conv2d_transpose" else {}
    literals = {name: np.ones(shape) for name, shape in given.items()}
    literals |= {named.get(name, name): array for name, array in arrays.items()}
    written = [_literal(name, array, dtype) for name, array in literals.items() if name in code]
    module = _MODULES.get(framework, framework)
    return _TEMPLATE.format(
        about=fill(about or f"{operation} of {framework} is wrong on {case}.", 116),
        module=module,
        environment=dict(environment or {}),
        arrays="\n".join([*written, _literal("expected", expected, dtype)]),
        code=indent(code, "    "),
        result=RESULTS[operation],
    )


@dataclass(frozen=True)
class Run:
    """One run of a script in a fresh process: its exit status (below 0: the signal it died of), and its output."""

    status: int | None
    output: str

    @property
    def shows_the_bug(self) -> bool:
        """True if it found the answer wrong, died, or did not end in time."""
        return self.status is None or self.status not in (NOT_SHOWN, CANNOT_RUN)


def run(text: str, *, python: str = sys.executable, seconds: float = 120.0, paths: str | None = None) -> Run:
    """Run a script in a fresh process, in an empty directory, and return its status; None if it took too long.

    `python` may be that of another environment, and `paths` the PYTHONPATH. By default there is none.
    """
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables |= {"PYTHONPATH": paths} if paths is not None else {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "reproducer.py")
        file.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [python, str(file)],
                cwd=folder,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            output = expired.stdout or b""
            return Run(None, output.decode(errors="replace") if isinstance(output, bytes) else output)
    return Run(done.returncode, done.stdout)


def _snippet(framework: str, operation: str, case: Case, title: str | None) -> Snippet:
    if framework not in FRAMEWORKS:
        raise ValueError(f"framework must be one of {', '.join(FRAMEWORKS)}; not {framework!r}")
    takes_bfloat16 = framework in _TAKE_BFLOAT16
    if case.dtype not in SNIPPET_DTYPES and not (takes_bfloat16 and case.dtype == "bfloat16"):
        said = ", ".join(SNIPPET_DTYPES) + (" or bfloat16" if takes_bfloat16 else "")
        raise ValueError(f"dtype must be one of {said} to be written as code; not {case.dtype}")
    case = case.with_dtype("float32") if case.dtype == "bfloat16" else case  # the code is the same
    found = [one for one in snippets(framework, case) if operation in one.operations and title in (None, one.title)]
    # A call that `explain` says is impossible may be the very bug, so its code is used if there is any.
    usable = sorted((one for one in found if one.code), key=lambda one: bool(one.lack))
    if not usable:
        reason = found[0].lack if found else f"{framework} has no code for {operation} with the title {title!r}"
        raise ValueError(f"this call must be one that {framework} can make: {reason}")
    return usable[0]


def _in_bfloat16(code: str) -> str:
    """Return code for torch whose arrays are float32 in NumPy, and bfloat16 in torch."""
    return re.sub(r"(torch\.from_numpy\(\w+\))", r"\1.bfloat16()", code).replace(".numpy()", ".float().numpy()")


def _literal(name: str, array: np.ndarray, dtype: str) -> str:
    values = [int(value) if float(value).is_integer() else float(value) for value in array.ravel().tolist()]
    listed = fill(f"[{', '.join(map(str, values))}]", 116, break_long_words=False, break_on_hyphens=False)
    listed = listed if "\n" not in listed else f"\n{indent(listed, '    ')}\n"
    return f'{name} = np.array({listed}, "{dtype}").reshape({array.shape})'
