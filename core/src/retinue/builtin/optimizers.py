"""torch.optim's optimizers by name, with torch's defaults, but that SGD, Adam and AdamW are fused: one kernel for all.

LBFGS needs a closure, SparseAdam sparse gradients, Muon matrices alone: they fit no plain loop or not every model."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Interval
from torch import optim
from torch.distributed.tensor import DTensor

from retinue.errors import Problem, SpecError

Rate = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, lt=1)]
Betas = tuple[Share, Share]


def sgd(
    params: Any,
    lr: Rate,
    momentum: NotNegative = 0.0,
    dampening: float = 0.0,
    weight_decay: NotNegative = 0.0,
    nesterov: bool = False,
) -> optim.SGD:
    """Stochastic gradient descent.

    Args:
        lr: learning rate.
        momentum: share of the last step that is kept, such as 0.9.
        dampening: share of the gradient that momentum leaves out.
        weight_decay: L2 penalty, added to the gradient.
        nesterov: look ahead along the momentum (Sutskever et al., 2013).

    Raises:
        SpecError: `nesterov` without momentum, or with dampening.
    """
    if nesterov and (momentum == 0 or dampening != 0):
        raise SpecError([Problem("nesterov needs a momentum above 0 and no dampening")])
    parameters = _list_parameters(params)
    # A momentum that begins at 0 is a first step that is not dampened. Of a sharded model torch has no such kernel.
    may_fuse = (momentum == 0 or dampening == 0) and not any(isinstance(p, DTensor) for p in parameters)
    fused = _is_fusible(params) if may_fuse else None
    optimizer = optim.SGD(params, lr, momentum, dampening, weight_decay, nesterov, fused=fused)
    if fused and momentum:
        # The kernel fails where a parameter gets its first gradient later than others: it thaws, or a path is dropped.
        for parameter in parameters:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def adam(
    params: Any,
    lr: Rate = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    amsgrad: bool = False,
) -> optim.Adam:
    """Adam (Kingma and Ba, 2015).

    Args:
        lr: learning rate.
        betas: decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: L2 penalty, added to the gradient; `adamw` has the decoupled one.
        amsgrad: divide by the largest running mean so far (Reddi et al., 2018).
    """
    return optim.Adam(params, lr, betas, eps, weight_decay, amsgrad, fused=_is_fusible(params))


def adamw(
    params: Any,
    lr: Rate = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 1e-2,
    amsgrad: bool = False,
) -> optim.AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Args:
        lr: learning rate.
        betas: decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: each step shrinks the weights by lr times this.
        amsgrad: divide by the largest running mean so far (Reddi et al., 2018).
    """
    return optim.AdamW(params, lr, betas, eps, weight_decay, amsgrad, fused=_is_fusible(params))


def nadam(
    params: Any,
    lr: Rate = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    momentum_decay: NotNegative = 4e-3,
    decoupled_weight_decay: bool = False,
) -> optim.NAdam:
    """Adam with Nesterov momentum (Dozat, 2016).

    Args:
        lr: learning rate.
        betas: decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        momentum_decay: how fast the momentum's schedule settles.
        decoupled_weight_decay: shrink the weights as `adamw` does.
    """
    return optim.NAdam(params, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay)


def radam(
    params: Any,
    lr: Rate = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    decoupled_weight_decay: bool = False,
) -> optim.RAdam:
    """Adam with the variance of its first steps rectified (Liu et al., 2020).

    Args:
        lr: learning rate.
        betas: decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        decoupled_weight_decay: shrink the weights as `adamw` does.
    """
    return optim.RAdam(params, lr, betas, eps, weight_decay, decoupled_weight_decay)


def adamax(
    params: Any, lr: Rate = 2e-3, betas: Betas = (0.9, 0.999), eps: NotNegative = 1e-8, weight_decay: NotNegative = 0.0
) -> optim.Adamax:
    """Adam with the largest gradient in place of the mean square (Kingma and Ba, 2015).

    Args:
        lr: learning rate.
        betas: decay of the running mean of the gradient and of its largest size.
        eps: added to the denominator.
        weight_decay: L2 penalty.
    """
    return optim.Adamax(params, lr, betas, eps, weight_decay)


def adagrad(
    params: Any,
    lr: Rate = 1e-2,
    lr_decay: NotNegative = 0.0,
    weight_decay: NotNegative = 0.0,
    initial_accumulator_value: NotNegative = 0.0,
    eps: NotNegative = 1e-10,
) -> optim.Adagrad:
    """Adagrad (Duchi et al., 2011).

    Args:
        lr: learning rate.
        lr_decay: the rate of step t is lr / (1 + (t - 1) lr_decay).
        weight_decay: L2 penalty.
        initial_accumulator_value: where the sums of squared gradients start.
        eps: added to the denominator.
    """
    return optim.Adagrad(params, lr, lr_decay, weight_decay, initial_accumulator_value, eps)


def adadelta(
    params: Any, lr: Rate = 1.0, rho: Share = 0.9, eps: NotNegative = 1e-6, weight_decay: NotNegative = 0.0
) -> optim.Adadelta:
    """Adadelta (Zeiler, 2012).

    Args:
        lr: factor of the step that the method finds.
        rho: decay of the running mean of squared gradients.
        eps: added under the root.
        weight_decay: L2 penalty.
    """
    return optim.Adadelta(params, lr, rho, eps, weight_decay)


def rmsprop(
    params: Any,
    lr: Rate = 1e-2,
    alpha: Share = 0.99,
    eps: NotNegative = 1e-8,
    weight_decay: NotNegative = 0.0,
    momentum: NotNegative = 0.0,
    centered: bool = False,
) -> optim.RMSprop:
    """RMSprop (Hinton, 2012).

    Args:
        lr: learning rate.
        alpha: decay of the running mean of squared gradients.
        eps: added to the denominator.
        weight_decay: L2 penalty.
        momentum: share of the last step that is kept.
        centered: divide by an estimate of the gradient's variance (Graves, 2013).
    """
    return optim.RMSprop(params, lr, alpha, eps, weight_decay, momentum, centered)


def rprop(
    params: Any,
    lr: Rate = 1e-2,
    etas: tuple[Annotated[float, Interval(gt=0, lt=1)], Annotated[float, Gt(1)]] = (0.5, 1.2),
    step_sizes: tuple[Rate, Rate] = (1e-6, 50.0),
) -> optim.Rprop:
    """Resilient backpropagation (Riedmiller and Braun, 1993): for whole-set batches.

    Args:
        lr: the first step.
        etas: factors of a step where the gradient changed its sign and where it kept it.
        step_sizes: the smallest and largest step.
    """
    return optim.Rprop(params, lr, etas, step_sizes)


def asgd(
    params: Any,
    lr: Rate = 1e-2,
    lambd: NotNegative = 1e-4,
    alpha: NotNegative = 0.75,
    t0: NotNegative = 1e6,
    weight_decay: NotNegative = 0.0,
) -> optim.ASGD:
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992).

    Args:
        lr: learning rate.
        lambd: how fast the weights decay.
        alpha: power of the learning rate's decay.
        t0: the step at which averaging starts.
        weight_decay: L2 penalty.
    """
    return optim.ASGD(params, lr, lambd, alpha, t0, weight_decay)


def adafactor(
    params: Any,
    lr: Rate = 1e-2,
    beta2_decay: Annotated[float, Interval(le=0)] = -0.8,
    eps: tuple[float, float] | None = None,
    d: Annotated[float, Ge(1)] = 1.0,
    weight_decay: NotNegative = 0.0,
) -> optim.Adafactor:
    """Adafactor (Shazeer and Stern, 2018), which keeps sums of rows and columns in place of squared gradients.

    Args:
        lr: learning rate, relative to the size of the weights.
        beta2_decay: power of the decay of the running mean of squared gradients.
        eps: against division by zero, and the least size of a weight; the data type's smallest step and 1e-3 unless
            given.
        d: updates with a larger root mean square are clipped to it.
        weight_decay: each step shrinks the weights by lr times this.
    """
    return optim.Adafactor(params, lr, beta2_decay, eps or (None, 1e-3), d, weight_decay)


def _is_fusible(params: Any) -> bool | None:
    """Say whether one kernel can change all parameters; None leaves the choice to torch."""
    fusible = {"cpu", "cuda"}.issuperset(parameter.device.type for parameter in _list_parameters(params))
    return True if fusible else None


def _list_parameters(params: Any) -> list[torch.Tensor]:
    groups = [group["params"] if isinstance(group, dict) else [group] for group in params]
    return [parameter for group in groups for parameter in group]
