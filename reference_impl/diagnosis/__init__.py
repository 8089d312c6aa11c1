"""Diagnosis of a failure: the known mistake that explains it or, without one, what its answers look like."""

from .diagnosing import Diagnoses, Diagnosis, diagnose, recognise

__all__ = ["Diagnoses", "Diagnosis", "diagnose", "recognise"]
