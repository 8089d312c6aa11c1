"""A user's backend supports some of the cases: tests that judged nothing of it are not a pass."""

from __future__ import annotations

import pytest

from reference_impl.run.subject import Subject


def test_judges(subject: Subject, supported: int) -> None:
    if not supported:
        pytest.fail(f"nothing is judged of {subject.name}: it supports no case that it is given", pytrace=False)
