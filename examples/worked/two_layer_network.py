"""A network of two convolutions, trained by hand on four images: docs/worked/two-layer-network.md.

    l1 = conv(image, w1)     a1 = tanh(l1)        image 4x4, w1 2x2, a1 3x3
    l2 = conv(a1, w2)        a2 = arctan(l2)      w2 2x2, a2 2x2
    l3 = a2.ravel() @ w3     out = arctan(l3)     w3 4x1
    loss = (out - label)**2 / 2

`conv` is a true convolution, which is `conv2d` with the kernel rotated by 180 degrees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input

IMAGES = np.array(
    [
        [[0, 0, 0, -1], [-1, 0, -1, 0], [-1, 0, -1, -1], [1, 0, -1, -1]],
        [[0, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 0], [1, 0, 0, -1]],
        [[0, 0, 0, -1], [0, 0, -1, 0], [-1, 0, 1, 1], [1, 0, -1, 1]],
        [[0, 0, 0, 1], [1, 0, 1, 0], [1, 0, 1, 1], [1, 0, 1, 1]],
    ]
)
LABELS = np.array([-1.42889927219, -0.785398163397, 0.0, 1.46013910562])
SEED = 12314
RATE = 0.1
EPOCHS = 1000


class Weights(NamedTuple):
    """Also their gradients, which have the same shapes."""

    w1: np.ndarray
    w2: np.ndarray
    w3: np.ndarray


class Activations(NamedTuple):
    a1: np.ndarray
    l2: np.ndarray
    a2: np.ndarray
    l3: float
    out: float


def initial_weights() -> Weights:
    random = np.random.RandomState(SEED)
    return Weights(*(random.randn(*shape) * 4.2 - 0.1 for shape in ((2, 2), (2, 2), (4, 1))))


def rot180(kernel):
    return kernel[::-1, ::-1]


def sigmoid(score):
    """Return the logistic sigmoid, whose derivative is sigmoid (1 - sigmoid)."""
    return 1 / (1 + np.exp(-score))


def as_image(array):
    """(H, W) as N H W I."""
    return array[None, :, :, None]


def as_filters(kernel):
    """(kh, kw) as kh kw I O."""
    return kernel[:, :, None, None]


def conv(image, kernel):
    """True convolution where the kernel fits, as `scipy.signal.convolve2d(image, kernel, "valid")`."""
    return conv2d(as_image(image), as_filters(rot180(kernel)))[0, :, :, 0]


def forward(image, weights) -> Activations:
    a1 = np.tanh(conv(image, weights.w1))
    l2 = conv(a1, weights.w2)
    a2 = np.arctan(l2)
    l3 = (a2.ravel() @ weights.w3).item()
    return Activations(a1, l2, a2, l3, np.arctan(l3))


def predictions(weights):
    return np.array([forward(image, weights).out for image in IMAGES])


def propagated(w2, delta2):
    """The error of a1, from that of l2 = conv(a1, w2)."""
    sizes = np.add(delta2.shape, w2.shape) - 1
    return conv2d_backprop_input((1, *sizes, 1), as_filters(rot180(w2)), as_image(delta2))[0, :, :, 0]


def propagated_as_printed(w2, delta2):
    """Return the error as the article prints it: the numbers of `propagated`, rotated by 180 degrees."""
    return conv(np.pad(w2, 1), rot180(delta2))


def by_kernel(image, delta):
    """The derivative by `kernel`, from that by conv(image, kernel)."""
    sizes = np.subtract(image.shape, delta.shape) + 1
    return rot180(conv2d_backprop_filter(as_image(image), (*sizes, 1, 1), as_image(delta))[:, :, 0, 0])


def loss_and_gradients(image, label, weights, propagate=propagated) -> tuple[float, Weights]:
    """The derivative of tanh(l) is 1 - tanh(l)**2, and that of arctan(l) is 1 / (1 + l**2)."""
    a1, l2, a2, l3, out = forward(image, weights)
    delta3 = (out - label) / (1 + l3**2)
    delta2 = delta3 * weights.w3.reshape(2, 2) / (1 + l2**2)
    delta1 = propagate(weights.w2, delta2) * (1 - a1**2)
    by_weights = Weights(by_kernel(image, delta1), by_kernel(a1, delta2), delta3 * a2.reshape(4, 1))
    return (out - label) ** 2 / 2, by_weights


def train(propagate=propagated) -> tuple[Weights, list[float]]:
    """Image after image, all gradients taken before a step; gives the weights, and each epoch's losses summed."""
    weights = initial_weights()
    losses = []
    for _ in range(EPOCHS):
        losses.append(0.0)
        for image, label in zip(IMAGES, LABELS):
            loss, by_weights = loss_and_gradients(image, label, weights, propagate)
            losses[-1] += loss
            weights = Weights(*(weight - RATE * step for weight, step in zip(weights, by_weights)))
    return weights, losses
