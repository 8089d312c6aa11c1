"""TensorFlow's threads while they wait for work."""

from __future__ import annotations

import contextlib
import os

import tensorflow as tf
from tensorflow.python.eager import context  # no public name sets this once TensorFlow is imported


def sleep_while_waiting() -> None:
    """Have TensorFlow's threads sleep while they wait, where OMP_WAIT_POLICY asks that of OpenMP's threads.

    They spin otherwise, which takes a quarter of the processor time of a small call. TensorFlow reads no variable for
    it. This must be called before TensorFlow's first operation. A version without these names keeps spinning.
    """
    if os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE":
        return
    with contextlib.suppress(AttributeError, ValueError):
        own = context.context()
        if own._context_handle is None and own._config is None:
            own._config = tf.compat.v1.ConfigProto()
            own._config.experimental.disable_thread_spinning = True
