"""Adapters: each lets one framework be asked for the four operations, NumPy in and NumPy out, and alone imports it."""
