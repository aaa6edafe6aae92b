"""Which parameters learn, when, and how fast."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from retinue.errors import TrainingError


@dataclass(frozen=True)
class FreezeRule:
    """Parameters that do not learn.

    Attributes:
        match: a pattern of their names, such as "layer[12].*".
        until: the optimizer step from which on they do; None for never.
    """

    match: str
    until: int | None


@dataclass(frozen=True)
class GroupRule:
    """Parameters with settings of their own; what is None is as for all others."""

    match: str
    lr: float | None
    weight_decay: float | None


class Freezing:
    """Keeps parameters from learning, and batch norm layers that are frozen whole from counting.

    Attributes:
        fixed: parameters that the model itself keeps from learning; no rule thaws them.
        never: those, and all that are frozen for good.
    """

    def __init__(self, model: nn.Module, rules: Sequence[FreezeRule]) -> None:
        """Check the rules.

        Raises:
            TrainingError: a pattern matches no parameter, or together they leave none that learns.
        """
        self.model = model
        self.rules = list(rules)
        self.fixed = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        frozen = {name for rule in rules for name in match_names(model, rule.match)} | self.fixed
        if len(frozen) == len(dict(model.named_parameters())):
            reason = "finetune.freeze leaves" if rules else "the model has"
            raise TrainingError(f"{reason} no parameter that learns at the first step")
        self.never = self.fixed | {
            name for rule in rules if rule.until is None for name in match_names(model, rule.match)
        }
        self.changes = {rule.until for rule in rules}

    def apply(self, step: int) -> None:
        """Freeze and thaw for the optimizer step that comes after `step` of them; the model is in train mode."""
        active = [rule.match for rule in self.rules if rule.until is None or step < rule.until]
        frozen = {
            name for name, _ in self.model.named_parameters() if any(fnmatchcase(name, match) for match in active)
        }
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name not in frozen | self.fixed)
            if name in frozen:
                parameter.grad = None
        for prefix, module in self.model.named_modules():
            if isinstance(module, _BatchNorm):
                names = [f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters()]
                module.train(self.model.training and not (names and frozen.issuperset(names)))


def group_parameters(
    model: nn.Module,
    loss: nn.Module,
    rules: Sequence[GroupRule],
    layer_decay: float | None,
    lr: float | None,
    never: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return parameter groups for an optimizer, those with equal settings as one.

    Args:
        rules: of several that match a parameter, the first counts.
        never: parameters that do not learn at all: an optimizer may keep values for each that it is given.
        layer_decay: the learning rate of each layer is that of the next one times this (Clark et al., ELECTRA, 2020).
        lr: of the optimizer; needed for `layer_decay`.

    Raises:
        TrainingError: a pattern matches no parameter, or `layer_decay` has no learning rate to decay.
    """
    if layer_decay is not None and lr is None:
        raise TrainingError("finetune.layer_decay needs optimizer.lr: give it in the spec")
    for rule in rules:
        match_names(model, rule.match)
    layers = list(dict.fromkeys(layer_of(name) for name, _ in model.named_parameters()))
    groups: dict[tuple[tuple[str, float], ...], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if name in never:
            continue
        settings: dict[str, float] = {}
        if layer_decay is not None and lr is not None:
            settings["lr"] = lr * layer_decay ** (len(layers) - 1 - layers.index(layer_of(name)))
        settings |= _settings_of(name, rules)
        groups.setdefault(tuple(sorted(settings.items())), []).append(parameter)
    groups.setdefault((), []).extend(loss.parameters())
    return [{"params": parameters, **dict(settings)} for settings, parameters in groups.items() if parameters]


def layer_of(name: str) -> str:
    """Return the layer that a parameter belongs to: its path down to the first number, else to its module."""
    numbered = re.match(r"(?:.*?\.)?\d+(?=\.)", name)
    return numbered[0] if numbered else name.rpartition(".")[0]


def match_names(model: nn.Module, pattern: str) -> list[str]:
    """Return the parameters whose names match.

    Raises:
        TrainingError: none does; says which there are.
    """
    names = [name for name, _ in model.named_parameters()]
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise TrainingError(f'no parameter matches "{pattern}"; there are {", ".join(_shorten(names))}')
    return found


def _settings_of(name: str, rules: Sequence[GroupRule]) -> dict[str, float]:
    rule = next((rule for rule in rules if fnmatchcase(name, rule.match)), None)
    if rule is None:
        return {}
    given = {"lr": rule.lr, "weight_decay": rule.weight_decay}
    return {key: value for key, value in given.items() if value is not None}


def _shorten(names: list[str]) -> Iterator[str]:
    tops = dict.fromkeys(name.split(".")[0] for name in names)
    return (f"{top}.*" if f"{top}" not in names else top for top in tops)
