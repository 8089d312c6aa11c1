"""Diagnoses take the time that they need, on a slow machine too."""

from __future__ import annotations

import pytest

from reference_impl.diagnosis import diagnose


@pytest.fixture(autouse=True)
def a_diagnosis_takes_its_time(monkeypatch):
    monkeypatch.setattr(diagnose, "__defaults__", (600.0,))
