"""Verdicts: the data, the right answers, and the checks that say whether a backend agrees."""
