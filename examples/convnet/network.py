"""A network of layers, trained by gradient descent; and the one that the worked example trains on digits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .layers import Conv2d, Dense, Flatten, Relu, Tanh, cross_entropy

RATE = 0.03
BATCH = 10


class Network:
    name = "reference_impl"

    def __init__(self, layers):
        self.layers = layers

    @property
    def parameters(self):
        return [parameter for layer in self.layers for parameter in layer.parameters]

    @property
    def gradients(self):
        return [gradient for layer in self.layers for gradient in layer.gradients]

    def forward(self, images):
        """The scores of each image for each class."""
        for layer in self.layers:
            images = layer.forward(images)
        return images

    def step(self, images, labels):
        """One step of gradient descent; gives the loss before it."""
        loss, error = cross_entropy(self.forward(images), labels)
        for layer in reversed(self.layers):
            error = layer.backward(error)
        for parameter, gradient in zip(self.parameters, self.gradients):
            parameter -= RATE * gradient
        return loss


def digits_network(seed: int = 0, convolution: type[Conv2d] = Conv2d) -> Network:
    """For images of 8x8: 8 filters of 3x3 under SAME, then 16 under VALID at stride 2, then ten classes.

    No window of the second convolution reads the last row and column of its input: (8 - 3) mod 2 = 1.
    `convolution` is the class of both; a test puts wrong ones in.
    """
    random = np.random.default_rng(seed)

    def weights(*shape):
        """Normal, and smaller the more products each output sums."""
        return random.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))

    return Network(
        [
            convolution(weights(3, 3, 1, 8), padding="SAME"),
            Tanh(),
            convolution(weights(3, 3, 8, 16), strides=2),
            Relu(),
            Flatten(),
            Dense(weights(3 * 3 * 16, 10)),
        ]
    )


def fit(network, images: np.ndarray, labels: np.ndarray, epochs: int) -> Iterator[float]:
    """Train on mini-batches in the order given; gives each epoch's mean loss when it is over.

    `network` is anything with `step`: the twins take the very same steps.
    """
    for _ in range(epochs):
        starts = range(0, len(images), BATCH)
        losses = [network.step(images[start : start + BATCH], labels[start : start + BATCH]) for start in starts]
        yield float(np.mean(losses))
