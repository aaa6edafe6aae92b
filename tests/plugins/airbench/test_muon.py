"""Muon for matrices and filters, SGD for the rest."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from retinue_airbench.muon import Muon, orthogonalize


def parameter(*shape: int) -> nn.Parameter:
    """With a gradient."""
    made = nn.Parameter(torch.randn(shape))
    made.grad = torch.randn(shape)
    return made


def learn(optimizer: torch.optim.Optimizer, *weights: nn.Parameter, steps: int = 3) -> None:
    """Step by gradients that depend on the weights and on nothing else."""
    for _ in range(steps):
        for weight in weights:
            weight.grad = (weight.detach() - 1) * torch.arange(weight.numel()).view_as(weight)
        optimizer.step()


def singular_values(step: Tensor) -> Tensor:
    return torch.linalg.svdvals(step.flatten(1))


@pytest.mark.parametrize("shape", [(16, 24), (24, 16), (16, 16)])
def test_orthogonalize_keeps_singular_vectors_and_evens_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    even = left.T @ orthogonalize(matrix, 5) @ right.T
    large = values > 0.05 * values[0]
    assert ((even.diagonal()[large] > 0.6) & (even.diagonal()[large] < 1.3)).all()
    torch.testing.assert_close(even - even.diagonal().diag(), torch.zeros_like(even), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("shape", "excess"), [((8, 12), 1), ((8, 6, 3, 3), 1), ((32, 8), 2), ((8, 1, 2, 1), 2)])
def test_a_step_of_muon_is_even_in_all_directions(shape: tuple[int, ...], excess: float) -> None:
    weight = parameter(*shape)
    before = weight.detach().clone()
    Muon([weight], lr=0.1, num_classes=10, in_channels=3).step()
    values = singular_values(before - weight.detach()) / (0.1 * excess)
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_filters_step_alike_in_either_memory_format() -> None:
    one = parameter(8, 6, 3, 3)
    other = nn.Parameter(one.detach().clone(memory_format=torch.channels_last))
    for weight in (one, other):
        learn(Muon([weight], lr=0.1), weight)
    torch.testing.assert_close(one, other)


def test_normalized_weights_keep_their_norm() -> None:
    weight = parameter(8, 6, 3, 3)
    Muon([weight], lr=1e-6, normalize=True).step()
    torch.testing.assert_close(weight.norm(), torch.tensor(8.0).sqrt(), rtol=1e-4, atol=0)


def test_weight_decay_shrinks_what_muon_takes() -> None:
    weight = parameter(4, 6)
    weight.grad = torch.zeros(4, 6)
    before = weight.detach().clone()
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight, nn.Parameter(before * 0.95))


@pytest.mark.parametrize("shape", [(5,), (10, 6), (8, 3, 3, 3), (1, 4, 6), (10, 6, 1, 1)])
def test_what_is_not_hidden_learns_by_sgd(shape: tuple[int, ...]) -> None:
    """Vectors, the layer of the classes, filters over the picture, tokens."""
    one = parameter(*shape)
    other = nn.Parameter(one.detach().clone())
    ours = Muon([one], sgd_lr=1e-3, sgd_momentum=0.8, sgd_weight_decay=0.1, num_classes=10, in_channels=3)
    learn(ours, one)
    learn(SGD([other], 1e-3, 0.8, weight_decay=0.1, nesterov=True), other)
    torch.testing.assert_close(one, other)


def test_a_groups_own_settings_count_for_all_of_it() -> None:
    hidden, vector, other = parameter(4, 6), parameter(5), parameter(6)
    groups = [{"params": [vector, hidden], "lr": 0.5, "weight_decay": 0.25}, {"params": [other]}]
    settings = [
        (group["params"], group["lr"], group["momentum"], group["weight_decay"])
        for group in Muon(groups, lr=0.02, momentum=0.6, sgd_lr=0.1, sgd_momentum=0.9).param_groups
    ]
    assert settings == [([hidden], 0.5, 0.6, 0.25), ([vector], 0.5, 0.9, 0.25), ([other], 0.1, 0.9, 0.0)]


def test_weights_without_gradient_wait_and_learn_once_they_have_one() -> None:
    weights = [parameter(4, 6), parameter(4, 6), parameter(5), parameter(5)]
    optimizer = Muon(weights, lr=0.1)
    before = [weight.detach().clone() for weight in weights]
    weights[1].grad = weights[3].grad = None
    optimizer.step()
    assert [torch.equal(*pair) for pair in zip(weights, before, strict=True)] == [False, True, False, True]
    learn(optimizer, *weights, steps=1)
    assert not any(torch.equal(*pair) for pair in zip(weights, before, strict=True))


def test_an_overflow_in_half_precision_leaves_a_step_out() -> None:
    weights = [parameter(4, 6), parameter(5)]
    before = [weight.detach().clone() for weight in weights]
    optimizer = Muon(weights, lr=0.1)
    scaler: Any = torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(()))
    weights[0].grad[0, 0] = torch.inf  # type: ignore[index]
    scaler.step(optimizer)
    assert all(torch.equal(*pair) for pair in zip(weights, before, strict=True))
