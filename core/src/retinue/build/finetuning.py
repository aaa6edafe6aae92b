"""What learns, how fast, and from which weights on."""

from __future__ import annotations

import logging
from typing import Any

from torch import nn

from retinue.api import Task
from retinue.build.builder import Builder
from retinue.engine.finetuning import FreezeRule, Freezing, GroupRule, group_parameters
from retinue.engine.weights import read_weights, transfer_weights
from retinue.errors import Problem, SpecError
from retinue.plan import Plan
from retinue.plan.plan import expand_path
from retinue.spec.schema import FinetuneTable
from retinue.validation import closest

logger = logging.getLogger("retinue")


def group_learners(builder: Builder, task: Task, freezing: Freezing) -> list[dict[str, Any]]:
    """Return the parameters that learn, in groups of equal settings."""
    table = builder.plan.spec.finetune or FinetuneTable()
    rules = [GroupRule(group.match, group.lr, group.weight_decay) for group in table.groups]
    lr = builder.plan.optimizer.parameters.get("lr")
    # Losses may learn, and tasks beside them.
    others = nn.ParameterList(value for name, value in task.named_parameters() if not name.startswith("model."))
    return group_parameters(task.model, others, rules, table.layer_decay, lr, freezing.never)


def build_freezing(builder: Builder, model: nn.Module, steps_per_epoch: int) -> Freezing:
    """Return what does not learn, and until when."""
    table = builder.plan.spec.finetune or FinetuneTable()
    rules = [FreezeRule(rule.match, rule.until.steps(steps_per_epoch) if rule.until else None) for rule in table.freeze]
    return Freezing(model, rules)


def load_earlier_weights(plan: Plan, model: nn.Module) -> None:
    """Fill a new run's model from the file that [finetune] names, and say what became of each tensor.

    Raises:
        DataError: the file cannot be read, or nothing in it fits.
    """
    table = plan.spec.finetune
    if table is None or table.weights is None:
        return
    path = expand_path(table.weights)
    if table.into is not None:
        modules = dict(model.named_modules())
        if table.into not in modules:
            position = plan.layers.locate(("finetune", "into"))
            raise SpecError([Problem(f'the model has no part "{table.into}"', position, closest(table.into, modules))])
        model = modules[table.into]
    logger.warning("%s: %s", path, transfer_weights(model, read_weights(path), path))
