"""Adapters: NumPy in, a framework's convolution, NumPy out. Each framework is imported only inside its own adapter."""
