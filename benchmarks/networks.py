"""The convolution layers of five networks, as case specs, with how often each occurs.

Sizes are those of the papers, at 224x224 (U-Net: 256x256, padded). Pads are half the kernel on each side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

STEM, DENSE, POINTWISE, DEPTHWISE, GROUPED, TRANSPOSED = "stem", "dense", "1x1", "depthwise", "grouped", "transposed"

Layers = Counter[tuple[str, str]]
"""Pairs of a kind and a spec, and how often each occurs."""


def _layer(size: int, inputs: int, kernel: int, outputs: int, stride: int = 1, groups: int = 1) -> tuple[str, str]:
    """Return the kind and the spec of a layer on square images."""
    kind = POINTWISE if kernel == 1 else DENSE
    if groups > 1:
        kind = DEPTHWISE if groups == inputs else GROUPED
    elif inputs <= 3:
        kind = STEM
    spec = f"n1_h{size}w{size}c{inputs}_k{kernel}x{kernel}o{outputs}"
    spec += f"_s{stride}x{stride}" if stride > 1 else ""
    spec += f"_g{groups}" if groups > 1 else ""
    spec += "_p" + ",".join([str(kernel // 2)] * 4) if kernel > 1 else ""
    return kind, spec


def _inverted_residuals(stem: int, stages: list[tuple[int, int, int, int, int]], head: int) -> Layers:
    """Count the layers. A stage is (expansion, kernel, stride of its first block, outputs, number of blocks)."""
    size, channels, found = 112, stem, [_layer(224, 3, 3, stem, 2)]
    for expansion, kernel, first_stride, outputs, blocks in stages:
        for block in range(blocks):
            stride, wide = first_stride if block == 0 else 1, channels * expansion
            if expansion > 1:
                found.append(_layer(size, channels, 1, wide))
            found.append(_layer(size, wide, kernel, wide, stride, groups=wide))
            size //= stride
            found.append(_layer(size, wide, 1, outputs))
            channels = outputs
    return Counter([*found, _layer(size, channels, 1, head)])


def mobilenet_v2() -> Layers:
    """https://arxiv.org/abs/1801.04381, table 2."""
    stages = [
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 3, 2, 32, 3), (6, 3, 2, 64, 4), (6, 3, 1, 96, 3), (6, 3, 2, 160, 3),
        (6, 3, 1, 320, 1),
    ]  # fmt: skip
    return _inverted_residuals(32, stages, 1280)


def efficientnet_b0() -> Layers:
    """https://arxiv.org/abs/1905.11946, table 1, without the layers of squeeze and excitation, on 1x1 images."""
    stages = [
        (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    ]  # fmt: skip
    return _inverted_residuals(32, stages, 1280)


def _bottlenecks(groups: int, width: int) -> Layers:
    """Count the layers of 3, 4, 6 and 3 bottleneck blocks: 1x1, 3x3 (with the stride), 1x1; `width` in the first."""
    size, channels, found = 56, 64, [_layer(224, 3, 7, 64, 2)]
    for stage, blocks in enumerate((3, 4, 6, 3)):
        inner, outputs = width << stage, 256 << stage
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            found += [_layer(size, channels, 1, inner), _layer(size, inner, 3, inner, stride, groups)]
            if block == 0:
                found.append(_layer(size, channels, 1, outputs, stride))
            size //= stride
            found.append(_layer(size, inner, 1, outputs))
            channels = outputs
    return Counter(found)


def resnet50() -> Layers:
    """https://arxiv.org/abs/1512.03385, table 1; stride 2 in the 3x3 (version 1.5)."""
    return _bottlenecks(1, 64)


def resnext50() -> Layers:
    """https://arxiv.org/abs/1611.05431, table 1: 32 groups, 4 channels each in the first stage."""
    return _bottlenecks(32, 128)


def unet() -> Layers:
    """https://arxiv.org/abs/1505.04597, figure 1, with padding: each level halves the image, doubles the channels."""
    found, channels = [], 1
    for level in range(5):
        size, outputs = 256 >> level, 64 << level
        found += [_layer(size, channels, 3, outputs), _layer(size, outputs, 3, outputs)]
        channels = outputs
    for level in range(3, -1, -1):
        size, outputs = 256 >> level, 64 << level
        # The transposed convolution, by its forward one.
        found.append((TRANSPOSED, f"n1_h{size}w{size}c{outputs}_k2x2o{2 * outputs}_s2x2"))
        found += [_layer(size, 2 * outputs, 3, outputs), _layer(size, outputs, 3, outputs)]
    return Counter(found)


NETWORKS: dict[str, Callable[[], Layers]] = {
    "ResNet-50": resnet50,
    "MobileNetV2": mobilenet_v2,
    "EfficientNet-B0": efficientnet_b0,
    "ResNeXt-50": resnext50,
    "U-Net": unet,
}
