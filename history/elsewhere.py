"""Backends that run in another Python, for releases that need one older than ours: HISTORY_PYTHON is its command.

old_pythons/ is what runs there. If that process dies, ours dies in the same way, for whoever watches it.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import weakref
from functools import cached_property
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities
from reference_impl.operations import OPERATIONS

THERE = Path(__file__).with_name("old_pythons")


class Refused(Exception):
    """What the other Python raised."""


class Other:
    """A process of HISTORY_PYTHON, or of our own Python, that calls the functions of a file."""

    def __init__(self, file: Path) -> None:
        python = os.environ.get("HISTORY_PYTHON", sys.executable)
        self._connection, theirs = Pipe()
        with theirs:
            # -E, as PYTHONPATH may have packages for our Python. What it prints is for people.
            self._process = subprocess.Popen(
                [python, "-E", THERE / "answer.py", file, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,
            )
        self.close = weakref.finalize(self, _end, self._process, self._connection)
        try:
            self.version = self._connection.recv_bytes().decode()
        except EOFError:
            raise ImportError(f"{python} must run {file}; it exited with {self._process.wait()}") from None

    def ask(self, function: str, **arguments: Any) -> np.ndarray:
        """What the function answers. Raises Refused, or ends this process."""
        arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
        others = {name: value for name, value in arguments.items() if name not in arrays}
        question = io.BytesIO()
        np.savez(question, json=json.dumps([function, others]), **arrays)
        try:
            self._connection.send_bytes(question.getvalue())
            received = self._connection.recv_bytes()
        except (EOFError, OSError):  # it is gone
            self._die_likewise()
        answer = np.load(io.BytesIO(received))
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        return answer["answer"]

    def _die_likewise(self) -> NoReturn:
        status = self._process.wait()
        if status < 0:
            os.kill(os.getpid(), -status)
        os._exit(status)


def _end(process: subprocess.Popen, connection: Connection) -> None:
    process.kill()
    process.wait()
    connection.close()


class Elsewhere:
    """The functions of a file; padding that it has no word for is told as numbers."""

    file: ClassVar[Path]
    words: ClassVar[tuple[str, ...]] = ()
    capabilities = Capabilities(
        operations=OPERATIONS[:3],
        dtypes=("float32",),
        unclaimed={"prints_nothing": "what another process prints is not looked at"},
    )

    def __init__(self) -> None:
        other = Other(self.file)
        self.version = other.version
        other.close()

    @cached_property
    def other(self) -> Other:
        """Started with the first call, so that each process that is forked has one of its own."""
        return Other(self.file)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        options = self._options(input.shape, filters.shape, **options)
        return self.other.ask("conv2d", input=input, filters=filters, **options)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        options = self._options(input_sizes, filters.shape, **options)
        return self.other.ask(
            "conv2d_backprop_input", input_sizes=input_sizes, filters=filters, out_backprop=out_backprop, **options
        )

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        options = self._options(input.shape, filter_sizes, **options)
        return self.other.ask(
            "conv2d_backprop_filter", input=input, filter_sizes=filter_sizes, out_backprop=out_backprop, **options
        )

    def _options(self, sizes: Any, taps: Any, *, padding: Any, groups: int, **steps: Any) -> dict[str, Any]:
        pads = padding if padding in self.words else explicit(padding, sizes[1:3], taps[:2], **steps)
        return {"padding": pads, "groups": groups, **steps}


class TensorFlow(Elsewhere):
    name = "tensorflow"
    file = THERE / "tensorflow_cpu.py"
    words = ("VALID", "SAME")


class Torch(Elsewhere):
    name = "torch"
    file = THERE / "torch_cpu.py"


class TorchOneDnn(Torch):
    """`torch.mkldnn_convolution`."""

    name = "torch-onednn"
    capabilities = Capabilities(("conv2d",), ("float32",), unclaimed=Elsewhere.capabilities.unclaimed)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        options = self._options(input.shape, filters.shape, **options)
        return self.other.ask("onednn", input=input, filters=filters, **options)
