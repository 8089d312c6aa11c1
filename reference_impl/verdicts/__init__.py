"""What agreement means: the data, what a right answer is, and the checks."""
