"""Designed cases against random ones: shares of combinations, and corner kernels that the exact check catches.

    PYTHONPATH=.:tests python benchmarks/covering.py [SEEDS]       in some minutes

Random cases are as many as the designed ones of the row above. They are drawn from SEEDS seeds, 3 by default; a row
has the mean. `small` are the curated cases and the regressions. The corner kernels that are caught are counted apart:
those that are wrong on a conjunction of conditions, and those that are wrong beyond a threshold.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from corner_kernels.caught import first_caught
from corner_kernels.wrong import CONJUNCTIONS, THRESHOLDS

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cases.covering.claim import share_of_factors, share_of_values
from reference_impl.cases.generation import generate

SMALL = ("curated", "regressions")
DESIGNS = {
    "small": SMALL,
    "covering-2": ("covering-2",),
    "covering": ("covering",),
    "values": ("values",),
    "ladder": ("ladder",),
    "covering, values": ("covering", "values"),
    "small, covering, values, ladder": (*SMALL, "covering", "values", "ladder"),
    "covering-4": ("covering-4",),
    "small, covering-4, values, ladder": (*SMALL, "covering-4", "values", "ladder"),
}


def measured(cases: Sequence[Case]) -> list[float]:
    """Kernels of both kinds caught, shares of 3-, 4-, 5-way combinations and of pairs of values, and multiply-adds."""
    caught = [sum(first_caught(corner, cases) is not None for corner in kind) for kind in (CONJUNCTIONS, THRESHOLDS)]
    shares = [*(share_of_factors(cases, strength) for strength in (3, 4, 5)), share_of_values(cases)]
    return [*caught, *(share.covered / share.feasible for share in shares), sum(case.multiply_adds for case in cases)]


def row(name: str, count: int, values: Sequence[float]) -> str:
    caught, shares, products = values[:2], values[2:-1], values[-1]
    percent = "".join(f"{share:>8.1%}" for share in shares)
    return f"{name:<36}{count:>6}{products / 1e6:>8.1f} M" + "".join(f"{kind:>8.1f}" for kind in caught) + percent


def main(seeds: int) -> None:
    titles = (f"of {len(CONJUNCTIONS)}", f"of {len(THRESHOLDS)}", "3-way", "4-way", "5-way", "pairs")
    print(f"{'cases':<36}{'count':>6}{'mult-adds':>10}" + "".join(f"{title:>8}" for title in titles))
    small = [case for name in SMALL for case in catalogue.load(name)]
    for name, catalogues in DESIGNS.items():
        cases = [case for each in catalogues for case in catalogue.load(each)]
        print(row(name, len(cases), measured(cases)))
        drawn = [measured(generate(len(cases), seed)) for seed in range(seeds)]
        print(
            row("    as many random cases", len(cases), [statistics.fmean(each) for each in zip(*drawn, strict=True)])
        )
    drawn = [measured(small + generate(100, seed)) for seed in range(seeds)]
    means = [statistics.fmean(each) for each in zip(*drawn, strict=True)]
    print(row("small and 100 random cases", len(small) + 100, means))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
