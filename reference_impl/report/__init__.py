"""Reports of a run: its tables, its failures, its JSON file."""
