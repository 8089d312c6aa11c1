"""Sweeps: every configuration within a scope, judged exactly."""
