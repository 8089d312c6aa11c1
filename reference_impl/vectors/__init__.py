"""Golden vectors: calls and their exact answers as files, for kernels in any language, and the judge of their results.

docs/vectors.md describes the files.
"""
