"""The problems: a case, the catalogue of cases, and generated cases."""
