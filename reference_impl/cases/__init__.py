"""Which problems: a case, the catalogue of cases, and how cases are drawn."""
