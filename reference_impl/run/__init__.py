"""A run: the subjects, the selection of calls, the judgement of each, and the processes that make them."""
