"""Wrong kernels that were written before the checks are caught, and right ones in the same styles are not accused.

When they were written, `check_backend` caught 39 of the 65 by default, and `verify --cases smoke` 28.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from unseen_kernels.right import RIGHT
from unseen_kernels.wrong import APART, WRONG, NoChannelsNotWritten

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.run import outcome
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.spread import in_dtypes
from reference_impl.run.subject import Subject

SMOKE = [case for case in catalogue.load("smoke") if case.batch < 1000]
# The smoke set does not see these. The curated and generated cases of `check_backend` do.
LARGER = {
    "ColumnsBySize": ["n1_h5w6c2_k3x4o3", "n1_h6w5c2_k4x3o3"],
    "Float16BetweenTaps": ["n1_h34w33c2_k33x31o2"],
}
# In one process, memory that was freed may hold the right answer.
ONLY_APART = {*APART, NoChannelsNotWritten}


def failing(subject, cases, *, processes=0):
    """Yield the check of each unexpected failure, in each dtype of the kernel. The oracle is never the suspect."""
    selection = for_all([subject], in_dtypes(cases, subject.capabilities.dtypes), subject.capabilities.operations)
    for record in records_of(replace(selection, full=True), processes=processes):
        assert record.outcome not in (outcome.ORACLE, outcome.SUITE), record
        if record.unexpected:
            yield record.check


def test_there_are_many():
    assert len(WRONG) >= 40
    assert len(RIGHT) >= 12


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kernel", [one for one in WRONG if one not in ONLY_APART], ids=lambda kernel: kernel.__name__)
def test_wrong_kernel_is_caught(kernel):
    cases = [*SMOKE, *map(Case.parse, LARGER.get(kernel.__name__, []))]
    assert any(failing(Subject.of(kernel()), cases))


@pytest.mark.parametrize("kernel", sorted(ONLY_APART, key=lambda kernel: kernel.__name__))
def test_wrong_kernel_is_caught_in_a_process_of_its_own(kernel):
    subject = Subject.load(f"{kernel.__module__}:{kernel.__name__}")
    cases = [case for case in SMOKE if not case.input_channels or case.batch == 3]
    assert any(failing(subject, cases, processes=1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kernel", RIGHT, ids=lambda kernel: kernel.__name__)
def test_right_kernel_is_not_accused(kernel):
    assert list(failing(Subject.of(kernel()), SMOKE[::3])) == []
