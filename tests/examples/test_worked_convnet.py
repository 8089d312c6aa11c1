"""Worked example B's network: trained on the operations, in PyTorch and in TensorFlow, with the same losses throughout.

Here for a few epochs; `tox run -e convnet` trains all 100.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import typer

from examples.convnet import train
from examples.convnet.agreement import assert_same_losses
from examples.convnet.layers import Conv2d
from examples.convnet.network import digits_network
from reference_impl import conv2d_backprop_filter
from reference_impl.verdicts.agreement import Disagreement

EPOCHS = 5


@pytest.fixture(scope="module")
def losses():
    return train.train(digits_network(), EPOCHS)


class AveragedOverKernels(Conv2d):
    """The input's gradient divided by the number of kernels."""

    def backward(self, error):
        return super().backward(error) / error.shape[3]


class BiasSlightlyWrong(Conv2d):
    """The biases' gradient too large by 0.1 %."""

    def backward(self, error):
        by_input = super().backward(error)
        by_filters, by_bias = self.gradients
        self.gradients = by_filters, by_bias * 1.001
        return by_input


class StrideForgotten(Conv2d):
    """The filters' gradient from the error as it is, not spread by the stride."""

    def backward(self, error):
        by_input = super().backward(error)
        if self.options["strides"] > 1:
            height, width = (size - 2 - count for size, count in zip(self.input.shape[1:3], error.shape[1:3]))
            slid = np.pad(error, ((0, 0), (0, height), (0, width), (0, 0)))
            by_filters = conv2d_backprop_filter(self.input, self.parameters[0].shape, slid)
            self.gradients = by_filters, self.gradients[1]
        return by_input


class OneWhereUnread(Conv2d):
    """Gradient 1 in the row and column that no window reads."""

    def backward(self, error):
        by_input = super().backward(error)
        if self.options["strides"] > 1:
            by_input[:, -1] = by_input[:, :, -1] = 1
        return by_input


class Planted:
    """A network as a twin of its own right version."""

    name = "planted"

    def __init__(self, convolution):
        self.network = digits_network(convolution=convolution)
        self.step = self.network.step


def test_loss_falls(losses):
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("name", train.TWINS)
def test_twin_has_the_same_losses(losses, name):
    assert_same_losses(train.train(train.twin(name), EPOCHS), losses, name)


@pytest.mark.parametrize(
    "convolution",
    [AveragedOverKernels, BiasSlightlyWrong, StrideForgotten, OneWhereUnread],
    ids=lambda convolution: convolution.__name__,
)
def test_wrong_gradient_has_other_losses(losses, convolution):
    actual = train.train(Planted(convolution), 1)
    with pytest.raises(Disagreement, match="1 of 1 are not, the first in epoch 1: actual"):
        assert_same_losses(actual, losses[:1], "planted")


@pytest.mark.parametrize(
    ("actual", "said"), [([1.0, np.nan], "in epoch 2: actual nan"), ([1.0], "1 losses, 2 epochs")], ids=["nan", "short"]
)
def test_losses_that_are_none_are_not_the_same(actual, said):
    with pytest.raises(Disagreement, match=said):
        assert_same_losses(actual, [1.0, 0.5], "planted")


def test_command_draws_and_says_how_many_digits_are_right(tmp_path, capsys):
    picture = tmp_path / "loss.png"
    train.main(epochs=2, picture=picture)
    assert re.search(r"loss 2\.\d+ -> 2\.\d+; \d+ of 40 other digits are right", capsys.readouterr().out)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_command_fails_when_a_twin_has_other_losses(tmp_path, monkeypatch, capsys):
    planted = {"torch": Conv2d, "tensorflow": BiasSlightlyWrong}
    monkeypatch.setattr(train, "twin", lambda name: Planted(planted[name]))
    with pytest.raises(typer.Exit) as exit:
        train.main(epochs=1, twins=True, picture=tmp_path / "loss.png")
    assert exit.value.exit_code == 1
    said = capsys.readouterr().out
    assert "torch has the same losses, to 0.0e+00" in said
    assert "tensorflow's loss must be within 1e-09" in said
