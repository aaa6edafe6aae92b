import inspect
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import optim

from retinue.builtin import optimizers
from retinue.errors import SpecError

TORCH = {
    optimizers.sgd: partial(optim.SGD, fused=True),
    optimizers.adam: partial(optim.Adam, fused=True),
    optimizers.adamw: partial(optim.AdamW, fused=True),
    optimizers.nadam: optim.NAdam,
    optimizers.radam: optim.RAdam,
    optimizers.adamax: optim.Adamax,
    optimizers.adagrad: optim.Adagrad,
    optimizers.adadelta: optim.Adadelta,
    optimizers.rmsprop: optim.RMSprop,
    optimizers.rprop: optim.Rprop,
    optimizers.asgd: optim.ASGD,
    optimizers.adafactor: optim.Adafactor,
}
OTHER = {"betas": (0.8, 0.95), "eps": 1e-5, "etas": (0.4, 1.3), "step_sizes": (1e-4, 10.0), "beta2_decay": -0.5}
NAMES = [(factory, name) for factory in TORCH for name in inspect.signature(factory).parameters if name != "params"]


def name_of(value: object) -> str:
    return getattr(value, "__name__", str(value))


def train(make: Callable[[list[torch.nn.Parameter]], optim.Optimizer]) -> torch.Tensor:
    """Return a matrix after six steps from the same start."""
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).view(4, 3))
    optimizer = make([weight])
    for step in range(6):
        optimizer.zero_grad()
        ((weight - 0.1 * step) ** 2 * torch.arange(1.0, 4.0)).sum().backward()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("factory", TORCH, ids=name_of)
def test_defaults_are_torchs(factory: Callable[..., optim.Optimizer]) -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    lr = {"lr": 0.05} if factory is optimizers.sgd else {}
    assert factory([weight], **lr).defaults == TORCH[factory]([weight], **lr).defaults


@pytest.mark.parametrize(("factory", "name"), NAMES, ids=name_of)
def test_each_parameter_reaches_torch(factory: Callable[..., optim.Optimizer], name: str) -> None:
    default = inspect.signature(factory).parameters[name].default
    value = OTHER.get(name, not default if isinstance(default, bool) else 0.25)
    if factory is optimizers.adafactor and name in {"eps", "d"}:
        value = {"eps": (1e-6, 1e-2), "d": 2.0}[name]
    chosen = {"lr": 0.05, name: value} | ({"momentum": 0.9} if name == "nesterov" else {})
    ours = train(lambda weights: factory(weights, **chosen))
    theirs = train(lambda weights: TORCH[factory](weights, **chosen))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert factory([torch.nn.Parameter(torch.ones(2))], **chosen).defaults[name] == value


@pytest.mark.parametrize("factory", TORCH, ids=name_of)
def test_a_parameter_may_join_later(factory: Callable[..., optim.Optimizer]) -> None:
    early, late = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    momentum = {"momentum": 0.9} if "momentum" in inspect.signature(factory).parameters else {}
    optimizer = factory([early, late], lr=0.1, **momentum)
    for step in range(4):
        optimizer.zero_grad()
        (early.square().sum() + (late.square().sum() if step >= 2 else 0)).backward()
        optimizer.step()
    assert not torch.equal(late, torch.ones(2, 2))


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_that_joins_later_is_torchs(nesterov: bool) -> None:
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov}
    found = []
    for make in (optimizers.sgd, optim.SGD):
        early, late = (torch.nn.Parameter(torch.linspace(1, 2, 4)) for _ in range(2))
        optimizer = make([{"params": [early]}, {"params": [late], "lr": 0.01}], **settings)
        for step in range(5):
            optimizer.zero_grad()
            (early.square().sum() + (late.square().sum() if step >= 2 else 0)).backward()
            optimizer.step()
        found.append(torch.cat([early, late]).detach())
    torch.testing.assert_close(*found)


def test_sgd_wants_a_rate() -> None:
    assert inspect.signature(optimizers.sgd).parameters["lr"].default is inspect.Parameter.empty


@pytest.mark.parametrize("chosen", [{}, {"momentum": 0.9, "dampening": 0.1}])
def test_nesterov_says_what_it_needs(chosen: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="momentum above 0 and no dampening"):
        optimizers.sgd([torch.nn.Parameter(torch.ones(2))], lr=0.1, nesterov=True, **chosen)
