"""Golden vectors: calls and their exact answers as files, for kernels in other languages, and a judge of their results.

The files are described in docs/vectors.md.
"""
