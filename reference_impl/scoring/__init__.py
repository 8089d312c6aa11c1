"""Measure the suite by the catalogue of mistakes: which ones it sees, and in how many cases."""
