"""Each corner kernel is wrong on its witness, in the operations that it names, and right where a condition fails."""

from __future__ import annotations

import pytest
from corner_kernels.corner import ALL
from corner_kernels.wrong import CORNERS

from reference_impl.cases.case import Case
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

EXACT = tuple(check for check in CHECKS if check.name == "exact")


def outcomes(corner, spec):
    """The outcome of the exact check in each operation."""
    subject, case = Subject.of(corner), Case.parse(spec)
    return {operation: judge(subject, case, operation, checks=EXACT)[0].outcome for operation in ALL}


def test_there_are_many():
    assert len(CORNERS) >= 44
    assert len({corner.name for corner in CORNERS}) == len(CORNERS)


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: corner.name)
def test_corner_is_wrong_on_its_witness(corner):
    wrong = {operation for operation, found in outcomes(corner, corner.witness).items() if found == outcome.FAIL}
    assert wrong == set(corner.operations)


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: corner.name)
def test_corner_is_right_on_a_plain_case(corner):
    assert set(outcomes(corner, "n1_h5w6c2_k3x2o4").values()) == {outcome.PASS}
