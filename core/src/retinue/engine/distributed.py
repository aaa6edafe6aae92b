"""Several processes under torch's launcher. No other module reads ranks from the environment.

torchrun sets RANK, WORLD_SIZE and LOCAL_RANK; without them there is one process, and nothing here communicates.
Whatever communicates must be called by every process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor, distribute_tensor


@dataclass(frozen=True)
class Group:
    """The processes of a run.

    Attributes:
        rank: the number of this process; 0 leads: it names the run and writes.
        size: how many there are.
        local_rank: the number of this process on its machine, which is the number of its GPU.
        local_size: how many there are on its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process names the run and writes."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Return everybody's value, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def add(self, tensor: Tensor) -> Tensor:
        """Return the sum of everybody's tensor."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def most(self, number: int) -> int:
        """Return the largest of everybody's numbers."""
        if self.size == 1:
            return number
        numbers = torch.tensor(number)
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return int(numbers)

    def share(self, value: Any) -> Any:
        """Return the leader's value."""
        values = [value]
        if self.size > 1:
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def share_buffers(self, module: nn.Module) -> None:
        """Give everybody the leader's buffers: those of batch norm differ, each has seen its own samples."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)


def read_group() -> Group:
    """Return the group that torch's launcher has put this process in."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    return Group(*(int(os.environ[name]) for name in names)) if all(name in os.environ for name in names) else Group()


@contextmanager
def join_group(group: Group, uses_cuda: bool) -> Iterator[None]:
    """While entered, the processes of a group can talk: over gloo between CPUs, over nccl between GPUs."""
    if group.size == 1:
        yield
        return
    if uses_cuda:
        torch.cuda.set_device(group.local_rank)
    store, rank, size = next(rendezvous("env://"))
    # torch's launcher keeps its store when it starts a group again: what lost processes left there must not be read.
    own = dist.PrefixStore(f"attempt-{count_restarts()}", store)  # type: ignore[attr-defined]
    dist.init_process_group("cpu:gloo,cuda:nccl" if uses_cuda else "gloo", store=own, rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()


def has_lost_process(error: Exception) -> bool:
    """Say whether an error means that another process of the group has ended, or cannot be reached."""
    # gloo has no errors of its own.
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def name_launch() -> str | None:
    """Return what stays the same when torch's launcher starts a group again after a loss; None without a launcher."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    # A launch without a name is known by the process of its launcher.
    return f"{socket.gethostname()}-{os.getppid()}" if name == "none" else name


def count_restarts() -> int:
    """Return how often torch's launcher has started this group again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def gather_tensor(value: Tensor) -> Tensor:
    """Return the whole of a tensor of which this process may have a part."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def spread_tensor(whole: Tensor, like: Tensor) -> Tensor:
    """Return of a whole tensor what this process has of `like`."""
    return distribute_tensor(whole, like.device_mesh, like.placements) if isinstance(like, DTensor) else whole
