"""Known failures of frameworks, one module for each framework.

To add an entry, add a `failure(...)` to FAILURES in the framework's module. It is a KnownFailure with the fields that
the entries of the module share, and `known_failure.py` explains each field. Add a reproducer that uses the framework
alone, and what it prints, to docs/findings/, and a row to docs/findings.md. A new module is found by itself: it needs
only its FAILURES.

- Entries are strict: when the framework is fixed, its entry turns red. Then remove it, or end its `versions`.
- If several entries apply to a call, the first counts.
- `when` is a function of a case and of the facts that the adapter gives. If a condition repeats, give it a name.
- Import no framework here: entries are also read where it is not installed.
"""
