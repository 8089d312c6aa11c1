"""The `conv2d` of every backend equals the oracle's, on the catalogue and on generated cases."""

from equivalence.every_operation import test_agrees, test_agrees_on_generated_cases  # noqa: F401

OPERATION = "conv2d"
