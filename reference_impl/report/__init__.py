"""What is said of a run: its tables, its failures, its records."""
