"""Accelerate: the loop of its quick tour."""

from __future__ import annotations

import sys

import torch
from accelerate import Accelerator
from perceptron import STEPS, Turns, build_model, make_pairs
from torch import nn
from torch.utils.data import DataLoader

turns = Turns(int(sys.argv[1]))
model, loss_function = build_model(), nn.CrossEntropyLoss()
accelerator = Accelerator(cpu=True)
model, optimizer, loader = accelerator.prepare(
    model, torch.optim.SGD(model.parameters(), lr=0.01), DataLoader(make_pairs(), batch_size=None)
)
for epoch in range(turns.epochs):
    total, correct = 0.0, 0
    for image, label in loader:
        optimizer.zero_grad()
        output = model(image)
        loss = loss_function(output, label)
        accelerator.backward(loss)
        optimizer.step()
        total += loss.item()
        correct += int((output.argmax(1) == label).sum().item())
    print(epoch, total / STEPS, correct / (64 * STEPS))
    turns.take()
turns.tell()
