"""Rules for losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retinue.testing.inputs import draw_outputs, draw_target
from retinue.testing.rule import NotApplicable, require, rule
from retinue.testing.subject import Subject

WHOLE = 0.02
"""What terms that smooth a ratio of sums may change when the sums are doubled."""


@rule("loss")
def scalar_and_finite(subject: Subject) -> None:
    """The loss of usual and of very certain outputs is one finite number."""
    loss: nn.Module = subject.build()
    for scale in (1.0, 100.0):
        outputs = (draw_outputs(subject.case) * scale).requires_grad_()
        value: Tensor = loss(outputs, draw_target(subject.case))
        require(
            isinstance(value, Tensor) and value.ndim == 0,
            "return a scalar tensor, the mean over the batch",
        )
        require(
            bool(value.isfinite()),
            f"not finite for outputs around {scale:g}: work with log_softmax or logsigmoid, and add a "
            "small number before a division or a logarithm",
        )
        require(value.requires_grad, "the loss does not depend on the outputs: leave out detach()")
        value.backward()  # type: ignore[no-untyped-call]
        assert outputs.grad is not None
        require(
            bool(outputs.grad.isfinite().all()),
            f"gradients are not finite for outputs around {scale:g}: add a small number under roots and logarithms",
        )


@rule("loss")
def differentiable(subject: Subject) -> None:
    """Gradients are those of finite differences."""
    case = subject.case
    loss: nn.Module = subject.build().double()
    target = draw_target(case)
    if case.task == "segmentation":
        # Each value costs two evaluations.
        target = target[:2, 2:6, 2:7].contiguous()
        outputs = draw_outputs(case)[:2, :, 2:6, 2:7]
    else:
        outputs = draw_outputs(case)
    target = target.double() if target.is_floating_point() else target
    # Losses may compute in float32 whatever they are given.
    given = outputs.double().contiguous().requires_grad_()
    require(
        torch.autograd.gradcheck(
            lambda out: loss(out, target), given, eps=1e-2, atol=1e-4, rtol=1e-2, raise_exception=False
        ),
        "its gradient is not that of finite differences: compute with torch's functions on the outputs "
        "as they are, without detach(), round() or a type of your own",
    )


@rule("loss")
def mean_over_the_batch(subject: Subject) -> None:
    """A batch twice over has the loss of the batch: processes and parts of a batch are weighed by that."""
    loss: nn.Module = subject.build()
    outputs, target = draw_outputs(subject.case), draw_target(subject.case)
    once = loss(outputs, target)
    twice = loss(torch.cat([outputs, outputs]), torch.cat([target, target]))
    require(
        torch.allclose(once, twice, rtol=WHOLE, atol=1e-6),
        f"{float(once):.5g} for a batch, {float(twice):.5g} for the same batch twice over: take the mean "
        "over the batch, not the sum",
    )


@rule("loss")
def ignores_what_it_should(subject: Subject) -> None:
    """Outputs where the mask says so change nothing."""
    case = subject.case
    if case.ignore_index is None or case.task != "segmentation":
        raise NotApplicable("the case has no ignore_index in masks")
    loss: nn.Module = subject.build()
    outputs, target = draw_outputs(case), draw_target(case)
    ignored = (target == case.ignore_index).unsqueeze(1)
    before, after = loss(outputs, target), loss(torch.where(ignored, -outputs, outputs), target)
    require(
        torch.allclose(before, after),
        f"outputs where the mask is {case.ignore_index} change the loss: take a parameter "
        "`ignore_index` and leave them out",
    )
