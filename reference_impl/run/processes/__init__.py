"""Backends in processes of their own: judged there call by call, or as a whole."""
