"""How a model is run: in which number format, with how much memory. Its weights and names stay as they are."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import checkpoint

from retinue.errors import TrainingError

Precision = Literal["fp32", "bf16", "fp16"]

FORMATS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def set_precision(model: nn.Module, precision: Precision, device: torch.device) -> None:
    """Let a model's forward pass run under autocast, and give float32 out: losses and metrics see nothing else."""
    if precision == "fp32":
        return
    forward = model.forward

    @functools.wraps(forward)
    def run(*arguments: Any, **named: Any) -> Any:
        with torch.autocast(device.type, FORMATS[precision]):
            outputs = forward(*arguments, **named)
        return tree_map(_widen, outputs)

    model.forward = run


def _widen(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value


def recompute_blocks(model: nn.Module, which: Literal[True] | Sequence[str]) -> None:
    """Let blocks forget what they computed and do it again in the backward pass (Chen et al., 2016): less memory for a
    third more time.

    Args:
        which: patterns of module names; True for the members of the model's outermost lists and sequences of modules
            that are themselves made of modules.

    Raises:
        TrainingError: there is no such block.
    """
    blocks = dict(find_blocks(model)) if which is True else _match_modules(model, which)
    if not blocks:
        names = ", ".join(name for name, _ in model.named_children())
        raise TrainingError(
            f"train.gradient_checkpointing: the model has no lists of blocks; name its parts by patterns, of {names}"
        )
    for block in blocks.values():
        _recompute(block)


def find_blocks(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield by name the members of the outermost lists and sequences of modules that are themselves made of modules."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        members = dict(child.named_children()) if isinstance(child, nn.Sequential | nn.ModuleList) else {}
        blocks = {f"{path}.{key}": member for key, member in members.items() if any(member.children())}
        yield from blocks.items() if blocks else find_blocks(child, f"{path}.")


def _match_modules(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    for pattern in patterns:
        matching = {name: module for name, module in model.named_modules() if name and fnmatchcase(name, pattern)}
        if not matching:
            names = ", ".join(name for name, _ in model.named_children())
            raise TrainingError(f'train.gradient_checkpointing: no module matches "{pattern}"; there are {names}')
        found |= matching
    return {name: module for name, module in found.items() if not any(name.startswith(f"{o}.") for o in found)}


def _recompute(block: nn.Module) -> None:
    forward = block.forward

    @functools.wraps(forward)
    def run(*arguments: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*arguments, **named)

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), _count_once(block)

        return checkpoint(forward, *arguments, use_reentrant=False, context_fn=contexts, **named)

    block.forward = run


@contextmanager
def _count_once(block: nn.Module) -> Iterator[None]:
    """What a block counts in its buffers, as batch norm does, must not count twice when it is computed again."""
    own = [(module, dict(module._buffers)) for module in block.modules()]
    for module, buffers in own:
        module._buffers.update({name: buffer.clone() for name, buffer in buffers.items() if buffer is not None})
    try:
        yield
    finally:
        for module, buffers in own:
            module._buffers.update(buffers)


@contextmanager
def run_deterministically(wanted: bool) -> Iterator[None]:
    """While entered, torch takes deterministic algorithms alone; an operation that has none is an error."""
    if not wanted:
        yield
        return
    # cuBLAS reads it when a GPU is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
