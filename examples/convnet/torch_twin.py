"""The same network in PyTorch: shared with ours are only the first weights and the learning rate."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .network import RATE


class Twin:
    name = "torch"

    def __init__(self, parameters):
        self.parameters = [torch.tensor(parameter, requires_grad=True) for parameter in parameters]

    def forward(self, images):
        filters1, bias1, filters2, bias2, weights, bias = self.parameters
        hidden = torch.tensor(images).permute(0, 3, 1, 2)
        hidden = torch.tanh(F.conv2d(hidden, filters1.permute(3, 2, 0, 1), bias1, padding="same"))
        hidden = torch.relu(F.conv2d(hidden, filters2.permute(3, 2, 0, 1), bias2, stride=2))
        return hidden.permute(0, 2, 3, 1).flatten(1) @ weights + bias

    def step(self, images, labels):
        loss = F.cross_entropy(self.forward(images), torch.tensor(labels))
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            for parameter, gradient in zip(self.parameters, gradients):
                parameter -= RATE * gradient
        return loss.item()
