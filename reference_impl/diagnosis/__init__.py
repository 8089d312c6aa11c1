"""Diagnosis of a failure: the known mistake that explains it or, without one, what its answers look like."""

from .diagnoses import Diagnoses
from .diagnosing import Diagnosis, diagnose, recognise

__all__ = ["Diagnoses", "Diagnosis", "diagnose", "recognise"]
