"""One optimizer step: forward and backward in parts, clipping, the step, the averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm
from torch.optim import Optimizer
from torch.optim import optimizer as optimizer_module

from retinue.api import Batch, Output
from retinue.data.batches import slice_batch
from retinue.data.keys import Purpose, derive_key, seed_torch, vary_key
from retinue.data.sampling import cut_range
from retinue.engine.averaging import AveragedWeights
from retinue.engine.devices import scale_image
from retinue.engine.distributed import Group, gather_tensor
from retinue.engine.parallel import Parallel

GLOBAL_HOOKS = (optimizer_module._global_optimizer_pre_hooks, optimizer_module._global_optimizer_post_hooks)


@dataclass
class Learner:
    """What learns, and how.

    Attributes:
        accumulate: parts that a process's share of a batch is learnt from in, one after the other.
        clip_norm: the largest norm of all gradients together.
        clip_value: the largest absolute value of a gradient.
        average: of the weights, where one is kept.
        cautious: whether a step whose loss or gradients are not finite is left out.
        scaler: keeps float16 gradients from vanishing.
    """

    parallel: Parallel
    optimizer: Optimizer
    group: Group
    device: torch.device
    seed: int
    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None
    average: AveragedWeights | None = None
    cautious: bool = False
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler(enabled=False))

    def __post_init__(self) -> None:
        self._key = derive_key(Purpose.STEP, self.seed)

    def learn(self, batch: Batch, step: int, weight: float) -> Output | None:
        """Learn from this process's share of a batch; None if the step was left out.

        Args:
            step: optimizer steps before this one; what is random in torch depends on the seed, it and the part alone.
            weight: of this share's mean loss in the mean that the processes make of theirs.
        """
        buffers = [buffer.clone() for buffer in self.parallel.task.buffers()] if self.cautious else []
        # Not after the step: callbacks may look at the gradients.
        self._clear_gradients()
        output = self._compute_gradients(batch, step, weight)
        if self.clip_norm is not None or self.clip_value is not None or self.cautious:
            self.scaler.unscale_(self.optimizer)
        if self.cautious and self.group.most(not self._is_finite(output)):
            self._forget(buffers)
            return None
        self._clip()
        self._step()
        if self.average is not None:
            self.average.update(step + 1)
        return output

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While entered, the model has the average for its weights, where one is kept."""
        with self.average.applied() if self.average is not None else nullcontext():
            yield

    def _compute_gradients(self, batch: Batch, step: int, weight: float) -> Output:
        parts = cut_batch(batch, self.accumulate)
        size = batch["image"].shape[0]
        outputs = []
        for number, part in enumerate(parts):
            share = weight * part["image"].shape[0] / size
            outputs.append(self._backward(part, share, step, number, complete=number == len(parts) - 1))
        return _join(outputs)

    def _backward(self, part: Batch, weight: float, step: int, number: int, complete: bool) -> Output:
        position = self.group.rank * self.accumulate + number
        seed_torch(vary_key(self._key, step, position), self.device)
        with self.parallel.gradients(complete):
            output: Output = self.parallel.module(scale_image(part))
            loss = output.loss if weight == 1 else output.loss * weight
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        # Whoever keeps the output must not keep the graph.
        output.loss = output.loss.detach()
        return output

    def _is_finite(self, output: Output) -> bool:
        if not output.loss.isfinite():
            return False
        norm = gather_tensor(get_total_norm([p.grad for p in self._parameters() if p.grad is not None]))
        # The scaler finds gradients that are not, leaves them out and scales less.
        return self.scaler.is_enabled() or bool(norm.isfinite())

    def _forget(self, buffers: list[Tensor]) -> None:
        self._clear_gradients()
        self.scaler.update()
        for buffer, before in zip(self.parallel.task.buffers(), buffers, strict=True):
            buffer.copy_(before)

    def _clip(self) -> None:
        if self.clip_value is not None:
            clip_grad_value_(self._parameters(), self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm_(self._parameters(), self.clip_norm)

    def _step(self) -> None:
        if self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            step_optimizer(self.optimizer)

    def _clear_gradients(self) -> None:
        # Optimizer.zero_grad does no more, and takes longer to say so than an optimizer takes for a small model.
        for parameter in self._parameters():
            parameter.grad = None

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


def step_optimizer(optimizer: Optimizer) -> None:
    """Do `optimizer.step()`.

    torch wraps `step` to name it in profiles and to call hooks. Around one of its own optimizers that has no hooks,
    while nobody profiles, the wrapper is left out: with a model of a few layers it takes as long as the step itself.
    """
    step = type(optimizer).step
    if (
        type(optimizer).__module__.startswith("torch.optim.")
        and "step" not in vars(optimizer)
        and not torch.autograd.profiler._is_profiler_enabled
        and not any((optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks, *GLOBAL_HOOKS))
    ):
        step = getattr(step, "__wrapped__", step)
    step(optimizer)


def cut_batch(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch in parts of equal size, or of one sample more; fewer of them where there are not enough samples."""
    size = batch["image"].shape[0]
    parts = min(parts, size)
    return [batch] if parts == 1 else [slice_batch(batch, *cut_range(size, n, parts)) for n in range(parts)]


def _join(outputs: list[Output]) -> Output:
    if len(outputs) == 1:
        return outputs[0]
    sizes = [len(output.target) for output in outputs]
    loss = sum((output.loss * size for output, size in zip(outputs, sizes, strict=True)), torch.zeros(()))
    return Output(
        loss=loss / sum(sizes),
        preds=torch.cat([output.preds for output in outputs]),
        target=torch.cat([output.target for output in outputs]),
    )
