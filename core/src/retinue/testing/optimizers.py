"""Rules for optimizers."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from retinue.testing.rule import Violation, require, rule
from retinue.testing.subject import Subject

STEPS = 12


def make_weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(5)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 3), (5,))]


def lose(weights: list[nn.Parameter]) -> Tensor:
    """A quadratic whose least value is at 1."""
    total: Tensor = sum(((weight - 1) ** 2).sum() for weight in weights)  # type: ignore[assignment]
    return total


def step(optimizer: Optimizer, weights: list[nn.Parameter], count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        lose(weights).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def save_and_read(subject: Subject, state: Any) -> Any:
    """Return a state as a checkpoint gives it back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    try:
        return torch.load(file, weights_only=True)
    except Exception as error:
        raise Violation(
            f"its state cannot be in a checkpoint, which holds tensors and plain data alone: keep "
            f"functions and objects out of state_dict() ({error})"
        ) from error


@rule("optimizer")
def lowers_a_loss(subject: Subject) -> None:
    """Steps on a quadratic lead down."""
    weights = make_weights()
    optimizer: Optimizer = subject.build(params=weights)
    before = float(lose(weights).detach())
    step(optimizer, weights, STEPS)
    after = float(lose(weights).detach())
    require(
        after < before,
        f"{STEPS} steps on a quadratic took it from {before:.5g} to {after:.5g}: step against the "
        "gradient, or give the case another learning rate",
    )


@rule("optimizer")
def keeps_groups_apart(subject: Subject) -> None:
    """Each group of weights has its own learning rate: schedules and fine-tuning set them."""
    weights = make_weights()
    still = [weight.clone() for weight in weights]
    optimizer: Optimizer = subject.build(params=[{"params": [weights[0]]}, {"params": [weights[1]]}])
    require(
        all("lr" in group for group in optimizer.param_groups),
        "give every parameter group its learning rate as `lr`, which schedules set",
    )
    optimizer.param_groups[1]["lr"] = 0.0
    step(optimizer, weights, 1)
    require(
        not torch.equal(weights[0], still[0]) and torch.equal(weights[1], still[1]),
        'with a learning rate of 0 in one group, its weights move or all stand still: step by group["lr"]',
    )


@rule("optimizer")
def resumes(subject: Subject) -> None:
    """With its state from a checkpoint it goes on as if nothing had been."""
    weights, others = make_weights(), make_weights()
    optimizer: Optimizer = subject.build(params=weights)
    step(optimizer, weights, STEPS)
    with torch.no_grad():
        for other, weight in zip(others, weights, strict=True):
            other.copy_(weight)
    resumed: Optimizer = subject.build(params=others)
    resumed.load_state_dict(save_and_read(subject, optimizer.state_dict()))
    step(optimizer, weights, 3)
    step(resumed, others, 3)
    require(
        all(torch.equal(weight, other) for weight, other in zip(weights, others, strict=True)),
        "after a resume it goes elsewhere: keep what it remembers in self.state and the groups",
    )
