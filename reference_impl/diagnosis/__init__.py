"""Why a backend fails: which of the known mistakes it makes, or what else can be said."""

from .diagnosing import Diagnoses, Diagnosis, diagnose, recognise

__all__ = ["Diagnoses", "Diagnosis", "diagnose", "recognise"]
