"""The backends that are asked: thin adapters, NumPy in and NumPy out; a framework is imported only inside its own."""
