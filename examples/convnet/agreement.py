"""When two networks are the same: their losses follow each other, epoch after epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference_impl.verdicts.agreement import Disagreement

# A share of the loss. Rounding comes to some 1e-14 of it in 100 epochs. A bias gradient that is wrong by 0.1 % comes to
# 4e-6 in the first.
RELATIVE = 1e-9


def assert_same_losses(actual: Sequence[float], expected: Sequence[float], name: str) -> float:
    """Each epoch's loss is within RELATIVE of the other's, which NaN is not; gives the largest relative difference."""
    if len(actual) != len(expected):
        raise Disagreement(f"{name} must have a loss for each epoch: {len(actual)} losses, {len(expected)} epochs")
    differences = np.abs(np.subtract(actual, expected)) / np.abs(expected)
    wrong = ~(differences <= RELATIVE)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise Disagreement(
            f"{name}'s loss must be within {RELATIVE:g} of the other's in every epoch; {int(wrong.sum())} of "
            f"{len(wrong)} are not, the first in epoch {first + 1}: actual {actual[first]!r}, "
            f"expected {expected[first]!r}, relative difference {differences[first]:.2g}"
        )
    return float(differences.max())
