"""How the processes of a run share its model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from retinue.api import Task
from retinue.engine.distributed import Group, gather_tensor, spread_tensor
from retinue.engine.execution import find_blocks

Strategy = Literal["ddp", "fsdp2"]


class Parallel:
    """One process: the task itself learns.

    Attributes:
        task: what learns.
        module: what is called with a batch to learn from it.
        holds_model: whether each process has all of the model.
    """

    holds_model = True

    def __init__(self, task: Task) -> None:
        self.task = task
        self.module: nn.Module = task

    def renew(self) -> None:
        """Take note of which parameters learn from now on."""

    def gradients(self, complete: bool) -> AbstractContextManager[Any]:
        """While entered, compute gradients; the processes add theirs where they are complete."""
        return nullcontext()


class Replicated(Parallel):
    """Every process has the whole model: DistributedDataParallel (Li et al., 2020)."""

    def __init__(self, task: Task, device: torch.device) -> None:
        super().__init__(task)
        self.device = device
        self.learning: list[bool] = []

    def renew(self) -> None:
        learning = [parameter.requires_grad for parameter in self.task.parameters()]
        if learning != self.learning:
            devices = [self.device] if self.device.type == "cuda" else None
            # Whether a model leaves parameters unused (an auxiliary head, a dropped path) shows only in a step.
            self.module = DistributedDataParallel(self.task, devices, find_unused_parameters=True)
            self.learning = learning

    def gradients(self, complete: bool) -> AbstractContextManager[Any]:
        module = self.module
        assert isinstance(module, DistributedDataParallel)
        return nullcontext() if complete else module.no_sync()


class Sharded(Parallel):
    """Every process has a part of each parameter: FSDP2 (torch.distributed.fsdp.fully_shard)."""

    holds_model = False

    def __init__(self, task: Task, group: Group, device: torch.device) -> None:
        super().__init__(task)
        mesh = init_device_mesh(device.type, (group.size,))
        for _, block in find_blocks(task.model):
            fully_shard(block, mesh=mesh)
        fully_shard(task.model, mesh=mesh)
        # What is outside the model, such as a loss that learns.
        fully_shard(task, mesh=mesh)

    def gradients(self, complete: bool) -> AbstractContextManager[Any]:
        assert isinstance(self.task, FSDPModule)
        self.task.set_requires_gradient_sync(complete)
        return nullcontext()


def share_task(task: Task, strategy: Strategy, group: Group, device: torch.device) -> Parallel:
    """Make a task ready to learn in a group; its optimizer is built after that."""
    if group.size == 1:
        return Parallel(task)
    return Sharded(task, group, device) if strategy == "fsdp2" else Replicated(task, device)


def gather_weights(module: nn.Module, without: str | None = None) -> dict[str, torch.Tensor]:
    """Return a module's whole state dict, whoever holds which part. Every process must call it.

    Args:
        without: prefix of names to leave out.
    """
    kept = {n: value for n, value in module.state_dict().items() if without is None or not n.startswith(without)}
    return {name: gather_tensor(value.detach()) for name, value in kept.items()}


def gather_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's whole state dict, whoever holds which part. Every process must call it."""
    state: dict[str, Any] = tree_map_only(torch.Tensor, gather_tensor, optimizer.state_dict())
    return state


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Go on from what `gather_optimizer` returned, in any number of processes."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    spread = {
        number: {
            key: spread_tensor(value, parameters[number])
            if isinstance(value, torch.Tensor) and value.shape == parameters[number].shape
            else value
            for key, value in values.items()
        }
        for number, values in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": spread})
