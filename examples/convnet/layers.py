"""The layers of a small network on the four operations. Images are N H W C, and every layer has the same two methods:

    forward(input) -> output
    backward(error) -> the loss's derivative by `input`, `error` being that by `output`

`backward` belongs to the last `forward`, and leaves in `gradients` the loss's derivatives by `parameters`.
"""

from __future__ import annotations

import numpy as np

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input


class Layer:
    parameters: tuple[np.ndarray, ...] = ()
    gradients: tuple[np.ndarray, ...] = ()

    def forward(self, input):
        raise NotImplementedError

    def backward(self, error):
        raise NotImplementedError


class Conv2d(Layer):
    """output = conv2d(input, filters) + bias, with one bias per filter."""

    def __init__(self, filters, *, strides=1, padding="VALID"):
        self.parameters = filters, np.zeros(filters.shape[3])
        self.options = {"strides": strides, "padding": padding}

    def forward(self, input):
        self.input = input
        filters, bias = self.parameters
        return conv2d(input, filters, **self.options) + bias

    def backward(self, error):
        filters, _ = self.parameters
        by_filters = conv2d_backprop_filter(self.input, filters.shape, error, **self.options)
        by_bias = error.sum(axis=(0, 1, 2))
        self.gradients = by_filters, by_bias
        return conv2d_backprop_input(self.input.shape, filters, error, **self.options)


class Dense(Layer):
    """output = input @ weights + bias"""

    def __init__(self, weights):
        self.parameters = weights, np.zeros(weights.shape[1])

    def forward(self, input):
        self.input = input
        weights, bias = self.parameters
        return input @ weights + bias

    def backward(self, error):
        weights, _ = self.parameters
        self.gradients = self.input.T @ error, error.sum(axis=0)
        return error @ weights.T


class Tanh(Layer):
    def forward(self, input):
        self.output = np.tanh(input)
        return self.output

    def backward(self, error):
        return error * (1 - self.output**2)


class Relu(Layer):
    def forward(self, input):
        self.positive = input > 0
        return np.where(self.positive, input, 0.0)

    def backward(self, error):
        return np.where(self.positive, error, 0.0)


class Flatten(Layer):
    def forward(self, input):
        self.shape = input.shape
        return input.reshape(len(input), -1)

    def backward(self, error):
        return error.reshape(self.shape)


def softmax(scores):
    """exp(score) / sum of exp(scores), by rows. Taking off the largest first changes nothing but avoids overflow."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(scores, labels):
    """The mean over images of -log softmax(scores)[label], and its derivative by the scores.

    The derivatives of softmax and of the logarithm, multiplied, are softmax less 1 at the label. No division is needed.
    """
    shares = softmax(scores)
    loss = -np.log(shares[np.arange(len(labels)), labels]).mean()
    ones = np.eye(scores.shape[1])[labels]
    return loss, (shares - ones) / len(labels)
