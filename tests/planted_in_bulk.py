"""The kernels of tests/bugs/conditional_kernels.py, swept: each must be told as one bug.

`tox run -e planted-in-bulk`. Not part of the default run, as it judges about half a million calls. Each kernel is wrong
under a conjunction of three to five conditions. Where routes or environments are among them, the variable PLANTED
stands for both: a sweep asks the kernel under each of its values.
"""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

from bugs.conditional_kernels import ENVIRONMENTS, ROUTES, WRONG
from planted import Right

from reference_impl.backends.protocol import Capabilities
from reference_impl.bugs import JudgedCall
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cases.generation import generate
from reference_impl.console import PlainConsole
from reference_impl.operations import OPERATIONS
from reference_impl.run.sweep.jobs import Setting
from reference_impl.run.sweep.machine import variables
from reference_impl.sweep.beginning import begin
from reference_impl.sweep.claim import bug_lines
from reference_impl.sweep.distinct import Swept, found
from reference_impl.sweep.judging import judge

NAMES = list(WRONG)
TOGETHER = NAMES[5:10]
# Each is wrong on a tenth or more of the calls of a scope, so that a sweep has tens of thousands of failures.
OFTEN = {
    "a batch, strided down, no groups": lambda call: (
        call.case.batch > 1 and call.case.strides[0] > 1 and call.case.groups == 1
    ),
    "a filter gradient, a kernel of two columns or more, one image": lambda call: (
        call.operation == "conv2d_backprop_filter" and call.case.kernel_size[1] > 1 and call.case.batch == 1
    ),
}
_PREDICATES = {**WRONG, **OFTEN}
VALUES = tuple(value for value in (*ENVIRONMENTS, *ROUTES) if value)
CASES, FRESH = 800, 1000


class Planted(Right):
    """Wrong in the first element where any predicate of `wrong` holds."""

    wrong: tuple[str, ...] = ()
    capabilities = Capabilities(dtypes=("float32", "float16"))

    def _answer(self, operation, *args, strides, padding, dilations, groups):
        answer = super()._answer(operation, *args, strides=strides, padding=padding, dilations=dilations, groups=groups)
        first, second, third = (*args, None)[:3]
        if operation == "conv2d":
            input_sizes, filter_sizes = first.shape, second.shape
        elif operation == "conv2d_backprop_filter":
            input_sizes, filter_sizes = first.shape, tuple(second)
        else:  # conv2d_transpose has the forward convolution's input as its output
            input_sizes, filter_sizes = (first if operation == "conv2d_backprop_input" else third), second.shape
        batch, height, width, channels = map(int, input_sizes)
        case = Case(
            batch, height, width, channels, tuple(map(int, filter_sizes[:2])), int(filter_sizes[3]), tuple(strides),
            tuple(dilations), groups, padding, str(answer.dtype),
        )  # fmt: skip
        value = os.environ.get("PLANTED", "")
        call = JudgedCall("planted", operation, case, "passed", value, value)
        if answer.size and any(_PREDICATES[name](call) for name in self.wrong):
            answer.flat[0] += 1
        return answer


for _number, _name in enumerate(NAMES):
    globals()[f"Kernel{_number}"] = type(f"Kernel{_number}", (Planted,), {"wrong": (_name,)})


class Often(Planted):
    """Two bugs, each on many calls: `conv2d-reference sweep --backend tests/planted_in_bulk.py:Often --scope FILE`."""

    wrong = tuple(OFTEN)


class Together(Planted):
    """Five bugs in one kernel."""

    wrong = tuple(TOGETHER)


def cases_of(count, seed):
    """Return generated cases without empty arrays: an empty answer cannot be wrong."""
    cases = generate(count, seed, dtypes=("float32", "float16"))
    return [case for case in cases if 0 not in (*case.input_sizes, *case.filter_sizes, *case.output_shape)]


def depends_on_a_value(name):
    """Return whether some route or environment is a condition of this kernel."""
    some = [Case.parse("n2_h5w6c4_k3x2o8_s2x3_d2x2_g2_SAME"), *cases_of(300, 5)]
    calls = [JudgedCall("planted", operation, case) for operation in OPERATIONS for case in some]
    return any(
        WRONG[name](JudgedCall(call.backend, call.operation, call.case, "passed", value, value)) != WRONG[name](call)
        for call in calls
        for value in VALUES
    )


def told_bugs(names, kernel, scope):
    """Sweep a kernel. Return its bugs, and the lines that the command would print."""
    argument = f"{Path(__file__)}:{kernel}"
    with_values = any(map(depends_on_a_value, names))
    backends = [f"{argument}@PLANTED={value}" for value in VALUES] if with_values else [argument]
    console = PlainConsole(file=io.StringIO())
    begun = begin(console, backends, str(scope), None, 0, None, resume=False)
    setting = Setting(begun.scope, None, 0, tuple(begun.subjects), 10.0, variables())
    swept = Swept(begun.store, begun.scope, begun.subjects)
    ended = judge(console, begun, swept, setting, None, None, 2)
    assert ended.error is None, ended.error
    assert not ended.lost, ended.lost
    totals = [begun.store.totals(one) for one in begun.subjects]
    start = time.perf_counter()
    result = found(swept)
    seconds = time.perf_counter() - start
    print(f"    {sum(one.asked for one in totals):,} judged, {sum(one.failed for one in totals):,} wrong, "
          f"told in {seconds:.0f} s", *bug_lines(result), sep="\n    ", flush=True)  # fmt: skip
    return result.bugs


def wrongly_told(bugs, names):
    """Return fresh calls on which the conditions that are told say something else than the predicates."""
    cases = cases_of(FRESH, 77)
    values = VALUES if any(map(depends_on_a_value, names)) else ("",)
    calls, truth = [], []
    for number, case in enumerate(cases):
        value, operation = values[number % len(values)], OPERATIONS[number // len(values) % len(OPERATIONS)]
        true = JudgedCall("planted", operation, case, "passed", value, value)
        calls.append(JudgedCall(bugs[0].backend if bugs else "", operation, case, "passed", "",
                                f"PLANTED={value}" if value else ""))  # fmt: skip
        truth.append(any(WRONG[name](true) for name in names))
    said = [False] * len(calls)
    for bug in bugs:
        said = [one or bool(holds) for one, holds in zip(said, bug.holds(calls), strict=True)]
    return [call for call, one, true in zip(calls, said, truth, strict=True) if one != true]


def main(wanted):
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    scope = folder / "planted_in_bulk.txt"
    cases = [*cases_of(CASES, 1), *(case for case in catalogue.load("curated") if case.multiply_adds)]
    scope.write_text("\n".join(dict.fromkeys(map(str, cases))) + "\n", "utf-8")
    kernels = [(f"Kernel{number}", (name,)) for number, name in enumerate(NAMES)] + [("Together", tuple(TOGETHER))]
    right = 0
    kernels = [one for one in kernels if not wanted or one[0] in wanted]
    for kernel, names in kernels:
        print(f"{kernel}: {'; '.join(names)}", flush=True)
        bugs = told_bugs(names, kernel, scope)
        wrong = wrongly_told(bugs, names)
        as_planted = len(bugs) == len(names) and not wrong
        right += as_planted
        said = "as planted" if as_planted else f"NOT as planted: {len(wrong)} fresh calls differ"
        print(f"    {len(bugs)} told, {len(names)} planted; {said}", flush=True)
    print(f"{right} of {len(kernels)} kernels are told as planted, tried on about {FRESH:,} fresh calls each")
    return 0 if right == len(kernels) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
