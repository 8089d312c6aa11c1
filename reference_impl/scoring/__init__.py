"""How many of the known mistakes the suite sees, and in how many cases."""
