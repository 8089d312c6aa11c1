"""Processes that run backends, and may die of them."""
