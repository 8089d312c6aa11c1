"""The command `sweep`: what it asks, shows and claims. `run/sweep/` judges, and keeps the results."""
