"""Rules for models.

Shapes: N pictures, C classes, H x W pixels.
"""

from __future__ import annotations

from fnmatch import fnmatch
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from retinue.api import Pyramid, split_outputs
from retinue.data.keys import preserve_generators, seed_generators
from retinue.testing.inputs import draw_pictures
from retinue.testing.rule import NotApplicable, Violation, require, rule
from retinue.testing.subject import Subject

PAIR = 2
"""Pictures in a batch: enough for batch norm, and quick."""


def learn(subject: Subject, precision: torch.dtype = torch.float32) -> nn.Module:
    """Return the model with gradients, after one forward and backward pass of training."""
    model: nn.Module = subject.build().train()
    image = draw_pictures(subject.case, PAIR)
    with preserve_generators():
        seed_generators(0)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            main, auxiliary = split_outputs(model(image))
    _check_shape(subject, main, image)
    outputs = [main, *auxiliary]
    for output in outputs:
        require(
            bool(output.isfinite().all()),
            "an output is not finite for pictures in [0, 1]"
            + (": compute what can overflow in float32 (`.float()`)" if precision == torch.float16 else ""),
        )
    require(
        main.requires_grad,
        "the output does not depend on any parameter that learns: leave out detach() and no_grad()",
    )
    sum(output.float().square().mean() for output in outputs).backward()  # type: ignore[union-attr]
    for name, parameter in model.named_parameters():
        finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
        require(finite, f"the gradient of {name} is not finite: look for a division or a root of 0")
    return model


def _check_shape(subject: Subject, main: Tensor, image: Tensor) -> None:
    case, given = subject.case, tuple(main.shape)
    if case.task == "segmentation":
        kept = main.ndim == 4 and given[:2] == (len(image), case.classes)
        wanted = f"N x C x H x W = {len(image)} x {case.classes} x height x width"
    else:
        kept = given == (len(image), case.classes)
        wanted = f"N x C = {len(image)} x {case.classes}"
    require(
        kept,
        f"it gives {' x '.join(map(str, given))} for {case.task}: give {wanted}, or say in the case which "
        "`task` it is for",
    )


@rule("model")
def forward_and_backward(subject: Subject) -> None:
    """Outputs of the task's shape and gradients are finite, and every parameter that learns has one."""
    missing = [
        name
        for name, parameter in learn(subject).named_parameters()
        if parameter.requires_grad
        and parameter.grad is None
        and not any(fnmatch(name, pattern) for pattern in subject.case.unused)
    ]
    require(
        not missing,
        f"{', '.join(missing)} got no gradient: use it in forward, set requires_grad to False, or name "
        "it under `unused` in the case",
    )


@rule("model")
def half_precision(subject: Subject) -> None:
    """Forward and backward are finite under autocast to float16."""
    learn(subject, torch.float16)


@rule("model")
def state_dict_round_trips(subject: Subject) -> None:
    """Weights put into a model of other random weights make the same model of it."""
    first: nn.Module = subject.build()
    image = draw_pictures(subject.case, PAIR)
    # A lazy layer has weights once it has seen a picture.
    _evaluate(first, image)
    with torch.no_grad():
        for value in first.state_dict().values():
            # Running means and the like must be in there too.
            if value.is_floating_point():
                value.mul_(1.01)
    expected = _evaluate(first, image)
    state = first.state_dict()
    second: nn.Module = subject.build(key=1)
    try:
        second.load_state_dict(state)
    except RuntimeError as error:
        raise Violation(f"its state dict does not fit a model built alike: {error}") from error
    del first, state
    require(
        torch.equal(_evaluate(second, image), expected),
        "two models of equal state dicts differ in evaluation: keep everything that shapes the output "
        "in parameters or persistent buffers, and draw nothing in eval mode",
    )


def _evaluate(model: nn.Module, image: Tensor) -> Tensor:
    with torch.no_grad(), preserve_generators():
        outputs, _ = split_outputs(model.eval()(image))
    return outputs


@rule("model")
def takes_its_sizes(subject: Subject) -> None:
    """One model takes pictures of every size that the case claims."""
    case = subject.case
    if len(case.sizes) < 2:
        raise NotApplicable("the case claims one size")
    model: nn.Module = subject.build().eval()
    for size in case.sizes:
        image = draw_pictures(case, 1, size)
        try:
            _check_shape(subject, _evaluate(model, image), image)
        except (RuntimeError, ValueError, AssertionError) as error:
            shown = " x ".join(map(str, size))
            raise Violation(
                f"it fails on {shown} ({error}): pool before linear layers, or claim other `sizes`"
            ) from error


@rule("model")
def pyramid_keeps_its_word(subject: Subject) -> None:
    """Levels have the channels and the sizes that the pyramid says."""
    if "pyramid" not in subject.planned.signature.supplied:
        raise NotApplicable("it offers no pyramid")
    pyramid: Any = subject.build(pyramid=True)
    require(isinstance(pyramid, Pyramid), "with pyramid = True return a retinue.api.Pyramid")
    reductions = tuple(pyramid.reductions)
    require(
        len(pyramid.channels) == len(reductions) and all(a < b for a, b in pairwise(reductions)),
        "give `channels` and `reductions` a value for each level, finest first",
    )
    side = pyramid.divisor * max(1, 32 // pyramid.divisor)
    image = draw_pictures(subject.case, PAIR, (side, 2 * side))
    with torch.no_grad():
        levels = [tuple(level.shape) for level in pyramid.eval()(image)]
    expected = [
        (PAIR, channels, side // reduction, 2 * side // reduction)
        for channels, reduction in zip(pyramid.channels, reductions, strict=True)
    ]
    require(
        levels == expected,
        f"its levels are {levels} and `channels` and `reductions` promise {expected}: make them agree",
    )
