"""Replay golden vectors in ONNX Runtime: `python examples/onnx_replay.py VECTORS RESULTS`, then `compare` them.

`python -m reference_impl export VECTORS --format onnx` makes the vectors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import onnxruntime
from onnx import numpy_helper


def replay(vectors: Path, results: Path) -> None:
    """Run the model of each vector, and write its answer to `results`."""
    results.mkdir()
    for model in sorted(vectors.glob("*/model.onnx")):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        given = onnx.load_tensor(model.parent / "test_data_set_0" / "input_0.pb")
        (answer,) = session.run(None, {given.name: numpy_helper.to_array(given)})
        onnx.save_tensor(numpy_helper.from_array(answer), results / f"{model.parent.name}.pb")


if __name__ == "__main__":
    replay(*map(Path, sys.argv[1:3]))
