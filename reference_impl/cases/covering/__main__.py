"""Build a catalogue of designed cases anew, and print it: `python -m reference_impl.cases.covering covering`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ..case import Case
from ..catalogue import BY_STRENGTH
from . import configurations, ladder, realise, values
from .claim import claim
from .coverage import Combinations
from .design import design

_BUILT = "# `python -m reference_impl.cases.covering {}` prints this file. The claim:\n# {}.\n"
_RUNGS = (
    "# `python -m reference_impl.cases.covering {}` prints this file. Comments name the edge that a case stands at.\n"
)


def text(name: str) -> str:
    """The contents of the catalogue file of this name."""
    rungs = {"ladder": ladder.ladder, "ladder-long": ladder.long_ladder}
    if name in rungs:
        return _RUNGS.format(name) + "\n" + "".join(f"{case} # {comment}\n" for case, comment in rungs[name]())
    cases = _built()[name]()
    return _BUILT.format(name, claim(cases)) + "\n" + "".join(f"{case}\n" for case in cases)


def _built() -> dict[str, Callable[[], list[Case]]]:
    """Name of a design -> a function that builds its cases."""
    builders: dict[str, Callable[[], list[Case]]] = {"values": _pairs_of_values}
    for strength, name in BY_STRENGTH.items():
        builders[name] = lambda strength=strength: realise.cases_of(  # type: ignore[misc]
            list(design(Combinations(configurations.space(), strength)))
        )
    return builders


def _pairs_of_values() -> list[Case]:
    return [values.case_of(row) for row in design(Combinations(values.space(), 2))]


def main(arguments: Sequence[str]) -> int:
    names = (*_built(), "ladder", "ladder-long")
    if len(arguments) != 1 or arguments[0] not in names:
        print(
            f"name one catalogue to build: {', '.join(names)}; not {' '.join(arguments) or 'nothing'}", file=sys.stderr
        )
        return 2
    print(text(arguments[0]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
