"""Muon for hidden matrices and filters, SGD for the rest, as one optimizer.

Sources: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024
(kellerjordan.github.io/posts/muon), and cifar10-airbench's airbench94_muon.py (MIT). torch.optim.Muon takes
matrices alone.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor
from torch.optim import Optimizer

Rate = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Momentum = Annotated[float, Interval(ge=0, lt=1)]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x^3 and x^5 in a step of Newton and Schulz: they lead from (0, 1] to about 0.7 to 1.2, from small x fast."""

TINY = 1e-7
"""Instead of a norm that is 0."""


class Muon(Optimizer):
    """Momentum whose direction is orthogonalised where a weight is a hidden matrix, and SGD for all other weights.

    Muon takes matrices and convolution filters, these flattened to a row for each output: each step is Nesterov's
    momentum with its singular values made about 1, times the root of rows over columns where there are more rows.
    SGD with Nesterov's momentum takes vectors; filters over the picture's own channels and matrices with a row for
    each class, which are the first and the last layer; and what has one row.

    The parameters of a group of [finetune] that both take become two groups, and its own `lr` and `weight_decay` count
    for both, though Muon's and SGD's rates are of different size: let a group hold one kind, and set no layer_decay.

    Args:
        lr: Muon's learning rate.
        momentum: Muon's, the share of the last step that is kept.
        weight_decay: each step of Muon shrinks its weights by lr times this.
        ns_steps: steps of Newton and Schulz; fewer are faster and less exact.
        normalize: scale Muon's weights to a norm of the root of their rows before each step, as airbench94 does.
        sgd_lr: SGD's learning rate.
        sgd_momentum: SGD's momentum.
        sgd_weight_decay: L2 penalty, added to SGD's gradient.
        num_classes: rows of the last layer.
        in_channels: columns of the first layer's filters.
    """

    def __init__(
        self,
        params: Any,
        lr: Rate = 0.02,
        momentum: Momentum = 0.95,
        weight_decay: NotNegative = 0.0,
        ns_steps: Annotated[int, Ge(1)] = 5,
        normalize: bool = False,
        sgd_lr: Rate = 0.1,
        sgd_momentum: Momentum = 0.9,
        sgd_weight_decay: NotNegative = 0.0,
        num_classes: int | None = None,
        in_channels: int | None = None,
    ) -> None:
        by_muon = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        by_sgd = {"lr": sgd_lr, "momentum": sgd_momentum, "weight_decay": sgd_weight_decay}
        given, groups = _list_groups(params), []
        # Muon's come first: a run's records show the learning rate of the first group.
        for muon, defaults in ((True, by_muon), (False, by_sgd)):
            for group in given:
                weights = [w for w in group["params"] if _is_hidden(w, num_classes, in_channels) is muon]
                if weights:
                    groups.append({**defaults, **group, "params": weights, "muon": muon})
        super().__init__(groups, {**by_muon, "ns_steps": ns_steps, "normalize": normalize})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Step every weight that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights and group["muon"]:
                self._step_muon(group, weights)
            elif weights:
                self._step_sgd(group, weights)

    def _step_muon(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        lr = group["lr"]
        directions = self._add_momentum(weights, [weight.grad for weight in weights], group["momentum"])
        torch._foreach_mul_(weights, 1 - lr * group["weight_decay"])
        for weight, direction in zip(weights, directions, strict=True):
            if group["normalize"]:
                weight.mul_(len(weight) ** 0.5 / weight.norm().clamp(min=TINY))
            matrix = direction.flatten(1)
            excess = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            weight.add_(orthogonalize(matrix, group["ns_steps"]).view_as(weight), alpha=-lr * excess)

    def _step_sgd(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        gradients: Any = [weight.grad for weight in weights]
        gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
        torch._foreach_add_(weights, self._add_momentum(weights, gradients, group["momentum"]), alpha=-group["lr"])

    def _add_momentum(self, weights: list[Tensor], gradients: Any, momentum: float) -> Any:
        """Return where Nesterov's momentum leads (Sutskever et al., 2013)."""
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        buffers = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        return torch._foreach_add(gradients, buffers, alpha=momentum)


def orthogonalize(matrix: Tensor, steps: int) -> Tensor:
    """Return a matrix of the same singular vectors whose singular values are about 1: from 0.7 to 1.2 for all that are
    not tiny beside the others.

    Steps of Newton and Schulz on x, x^3 and x^5; in bfloat16 on a GPU, in float32 on a CPU.
    """
    a, b, c = COEFFICIENTS
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else torch.float32)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / x.norm().clamp(min=TINY)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    orthogonal: Tensor = x if wide else x.T
    return orthogonal.to(matrix.dtype)


def _list_groups(params: Any) -> list[dict[str, Any]]:
    given = list(params)
    return given if given and isinstance(given[0], dict) else [{"params": given}]


def _is_hidden(weight: Tensor, num_classes: int | None, in_channels: int | None) -> bool:
    if weight.ndim < 2 or weight.shape[0] in (1, num_classes):
        return False
    return weight.ndim == 2 or weight.shape[1] != in_channels
