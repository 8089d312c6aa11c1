"""Export the layers of `layers.py` by torch and TensorFlow. It needs torch, onnx and TensorFlow; run it in this folder.

The files are kept, so that the tests read what real exporters write without onnx, and in no time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from layers import KERAS, TORCH, numbers  # noqa: E402


def export_torch() -> None:
    import torch

    for name, (text, image) in TORCH.items():
        layer = eval(text, vars(torch.nn))
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.from_numpy(numbers(tuple(parameter.shape))))
        torch.onnx.export(layer, (torch.zeros(1, *image),), HERE / f"{name}.onnx", dynamo=False)


def export_keras() -> None:
    import keras
    import tensorflow as tf

    for name, (text, image) in KERAS.items():
        given = keras.Input(image)
        layer = eval(text, vars(keras.layers))
        model = keras.Model(given, layer(given))
        layer.set_weights([numbers(tuple(np.shape(weight))) for weight in layer.get_weights()])
        (HERE / f"{name}.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


if __name__ == "__main__":
    for export in (export_torch, export_keras):
        if export.__name__.removeprefix("export_") in sys.argv[1:]:
            export()
