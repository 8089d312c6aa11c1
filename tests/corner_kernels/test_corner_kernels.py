"""Each corner kernel is wrong on its witness, in the operations that it names, and right where a condition fails."""

from __future__ import annotations

import pytest
from corner_kernels.caught import first_caught
from corner_kernels.corner import ALL
from corner_kernels.wrong import CORNERS

from reference_impl.cases import catalogue
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


# The catalogues of designed cases that catch each kernel. A kernel that none of them catches is missed.
CAUGHT_BY = {
    "OneChannelOfManyImages": "covering values",
    "TransposeSameShifted": "covering values ladder",
    "EvenKernelLosesRow": "covering values ladder",
    "GroupedTransposeInterleaves": "covering values",
    "GroupedStridedFilterGradient": "covering values ladder",
    "PadsBeyondKernel": "covering values",
    "SameDilatedWithoutDilation": "covering values",
    "DilatedStridedTransposed": "covering values",
    "LeftoverOfOddChannels": "covering values ladder",
    "FilterGradientForgetsDilation": "covering values",
    "KernelBelowStrideUnderSame": "covering values",
    "GroupedFilterGradientOfWholeImage": "covering values ladder",
    "StridedOneByOneInputGradient": "covering values",
    "FilterGradientOfOblongs": "covering values ladder",
    "WholeWidthDilatedFilterGradient": "covering values",
    "MultiplierOfTwo": "covering values",
    "OnePixelOfGroups": "covering values",
    "LineImageUnevenPads": "covering",
    "FlatKernelDilated": "",
    "OddChannelsOfGroups": "covering values",
    "PaddedPatches": "values",
    "WinogradOddRows": "ladder",
    "FullGroupedStrided": "covering values",
    "LowerOddTotal": "covering values",
    "WindowInUpperPadding": "covering values",
    "WindowInRightPadding": "covering values",
    "OneOutputChannelGradient": "covering",
    "SquareOneByOne": "values",
    "TallColumn": "covering values ladder",
    "ColumnsLeftOverAlone": "covering values",
    "UnevenPadsOfMixedKernel": "covering values",
    "PaddedPixels": "covering values",
    "FirstLayer": "covering",
    "UnevenPadsOfOneImageGroup": "covering values",
    "DilatedDepthwiseSame": "",
    "OddNumberOfStages": "values ladder",
    "WholeStagesAndOneOutputMore": "covering values ladder",
    "SeventeenthOutput": "covering values ladder",
    "StridedOneByOneAbove16": "covering values",
    "WideRows": "ladder",
    "DepthwiseAbove16Images": "values",
    "KernelAbove7Strided": "values",
    "ManyChannelsStrided": "values ladder",
    "ManyOutputsDilated": "values ladder",
    "LongSumsOfChannels": "ladder",
    "ManySmallImages": "values",
    "BatchOf16Bits": "ladder",
    "OutputIndexOf15Bits": "ladder",
    "InputIndexOf16Bits": "ladder",
    "NinetySixChannelsOfLargeImages": "ladder",
    "PaddedWidthAbove2048": "ladder",
    "StepsOf8": "values",
    "DilatedBeyondStep": "covering values",
    "SplitOverImages": "values",
    "ManyPositionsOfGroups": "covering",
    "WideDepthwiseRemainder": "covering",
    "RemainderOfColumns": "",
}
# Missed by these, and caught by `covering-4`.
BY_COVERING_4 = {"FlatKernelDilated", "DilatedDepthwiseSame", "RemainderOfColumns"}


@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: corner.name)
def test_corner_is_caught_by_these_catalogues(corner):
    caught = [name for name in ("covering", "values", "ladder") if first_caught(corner, catalogue.load(name))]
    assert " ".join(caught) == CAUGHT_BY[corner.name]


@pytest.mark.parametrize("corner", [one for one in CORNERS if not CAUGHT_BY[one.name]], ids=lambda corner: corner.name)
def test_missed_corner_is_caught_by_combinations_of_4_or_not_at_all(corner):
    assert bool(first_caught(corner, catalogue.load("covering-4"))) == (corner.name in BY_COVERING_4)


def test_most_corners_are_caught():
    assert sum(map(bool, CAUGHT_BY.values())) == 54


def test_case_that_the_finder_names_fails_the_exact_check():
    corner = CORNERS[0]
    case = first_caught(corner, catalogue.load("covering"))
    assert outcome.FAIL in outcomes(corner, str(case)).values()
