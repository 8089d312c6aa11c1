"""A right kernel for history/elsewhere.py to call, and some with which something is wrong. Runs on Python 3.6."""

import os
import signal

import numpy as np

VERSION = "7.0"


def right(input, filters, strides, padding, dilations, groups):
    assert (strides, dilations, groups) == ([1, 1], [1, 1], 1)
    padded = np.pad(input, [(0, 0)] + [tuple(pair) for pair in padding] + [(0, 0)], "constant")
    height, width = (size - taps + 1 for size, taps in zip(padded.shape[1:3], filters.shape[:2]))
    return sum(
        np.tensordot(padded[:, p : p + height, q : q + width], filters[p, q], 1)
        for p in range(filters.shape[0])
        for q in range(filters.shape[1])
    )


def flipped(filters, **others):
    return right(filters=filters[::-1, ::-1], **others)


def prints(**arguments):
    print("No harm meant.", flush=True)
    return right(**arguments)


def raises(**arguments):
    raise ZeroDivisionError("of nothing")


def dies(**arguments):
    os.kill(os.getpid(), signal.SIGFPE)
