"""Train a small network on 200 handwritten digits, try it on 40 others, and draw its loss.

    python -m examples.convnet.train             # the network on the operations of this project
    python -m examples.convnet.train --twins     # also in PyTorch and TensorFlow, which must have the same losses

Needs the extra `examples`, and for twins `torch` and `tensorflow`. The digits come with scikit-learn.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.progress import track
from sklearn.datasets import load_digits

from reference_impl.verdicts.agreement import Disagreement

from .agreement import assert_same_losses
from .network import digits_network, fit

TRAINED, TRIED = 200, 40
TWINS = ("torch", "tensorflow")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 8, 8, 1) of 0 to 1, and which digit each is."""
    found = load_digits()
    return found.images[: TRAINED + TRIED, :, :, None] / 16, found.target[: TRAINED + TRIED]


def train(network, epochs: int) -> list[float]:
    """Each epoch's mean loss."""
    images, labels = digits()
    fitting = fit(network, images[:TRAINED], labels[:TRAINED], epochs)
    return list(track(fitting, network.name, total=epochs))


def right_of_the_tried(network) -> int:
    images, labels = digits()
    return int((network.forward(images[TRAINED:]).argmax(axis=1) == labels[TRAINED:]).sum())


def twin(name: str):
    """The network in another library, from the same weights."""
    module = importlib.import_module(f".{name}_twin", __package__)
    return module.Twin(digits_network().parameters)


def draw(curves: dict[str, list[float]], path: Path) -> None:
    """The curves lie on one another: each is thinner than the one before."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for thinner, (name, losses) in enumerate(curves.items()):
        axes.semilogy(range(1, len(losses) + 1), losses, label=name, linewidth=6 - 2 * thinner)
    axes.set(xlabel="epoch", ylabel="mean cross entropy")
    axes.legend()
    figure.savefig(path, dpi=100)


def main(
    epochs: Annotated[int, typer.Option(min=1)] = 100,
    twins: Annotated[bool, typer.Option("--twins", help="Train it in PyTorch and TensorFlow too.")] = False,
    picture: Annotated[Path, typer.Option(help="Where to draw the losses.")] = Path("loss.png"),
) -> None:
    """Train on 200 digits, try on 40, draw the loss; exit with 1 if a twin has other losses."""
    network = digits_network()
    losses = train(network, epochs)
    print(f"loss {losses[0]:.4g} -> {losses[-1]:.4g}; {right_of_the_tried(network)} of {TRIED} other digits are right")
    others = {name: train(twin(name), epochs) for name in (TWINS if twins else ())}
    draw({network.name: losses, **others}, picture)
    for name, actual in others.items():
        try:
            print(f"{name} has the same losses, to {assert_same_losses(actual, losses, name):.1e}")
        except Disagreement as error:
            print(error)
            raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
