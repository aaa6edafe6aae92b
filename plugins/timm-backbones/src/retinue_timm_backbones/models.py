"""timm's models, as they are, with weights or without, as classifiers or as encoders."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import timm
from annotated_types import Ge, Interval
from torch import nn

from retinue.errors import Problem, SpecError
from retinue_timm_backbones.catalog import Entry, look_up
from retinue_timm_backbones.pretrained import choose_source
from retinue_timm_backbones.pyramid import FeatureMaps
from retinue_timm_backbones.weights import load_file, tensors_of

logger = logging.getLogger("retinue")

Rate = Annotated[float, Interval(ge=0, lt=1)]


def create(
    name: str,
    num_classes: Annotated[int, Ge(1)] = 1000,
    in_channels: Annotated[int, Ge(1)] = 3,
    image_size: tuple[int, int] | None = None,
    weights: Literal["pretrained"] | Path | None = None,
    tag: str | None = None,
    drop_rate: Rate | None = None,
    drop_path_rate: Rate | None = None,
    pyramid: bool = False,
) -> nn.Module:
    """Build the timm model `name`: float N x in_channels x H x W gives logits N x num_classes.

    Args:
        name: as timm has it, such as "resnet50".
        num_classes: values in the output.
        in_channels: channels of a picture. Weights for another number are adapted as timm does it, by summing or
            repeating those of the first convolution.
        image_size: height and width of a picture. Only models made for one size use it, vision transformers above
            all: it becomes theirs, and weights are resampled to it. Default: timm's size.
        weights: "pretrained" for those that timm publishes, fetched once and then taken from the cache; or a file
            with a state dict of this model, .safetensors or torch's .pt or .pth, by timm or of an earlier run. A head
            for another number of classes starts afresh, which is logged. Default: random weights.
        tag: which of the published weights, such as "a1_in1k". Default: timm's choice.
        drop_rate: probability that a feature is dropped before the last layer. Default: the model's own.
        drop_path_rate: probability that the last block is skipped in training, falling towards the first (stochastic
            depth, Huang et al. 2016, arXiv:1603.09382). Default: the model's own.

    Raises:
        SpecError: the weights cannot be had or do not fit, there is no such tag, or timm cannot build the model so.
    """
    entry = look_up(name, tag)
    size = _choose_size(entry, image_size)
    options: dict[str, Any] = {
        "num_classes": num_classes,
        "in_chans": in_channels,
        "img_size": size,
        # An encoder meets whole pictures beside the crops that it is trained with: it takes any size, if it can.
        "dynamic_img_size": True if pyramid and size else None,
        "drop_rate": drop_rate,
        "drop_path_rate": drop_path_rate,
        "pretrained_cfg": tag,
    }
    if weights == "pretrained":
        options |= {"pretrained": True, "pretrained_cfg_overlay": choose_source(entry)}
    model = _build(entry, options)
    afresh = _load(entry, model, weights, num_classes, in_channels)
    if pyramid:
        return FeatureMaps(entry.label, model, size)
    if getattr(model, "num_classes", None) != num_classes:
        raise SpecError([Problem(f"{entry.label} has no classifier: it can only be an encoder")])
    if afresh:
        tensors = ", ".join(afresh)
        logger.warning(
            "%s: the weights have no head for %d classes: %s start afresh", entry.label, num_classes, tensors
        )
    return model


def _choose_size(entry: Entry, image_size: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the size to build for; None for models of any size."""
    if not entry.published.fixed_input_size:
        return None
    height, width = image_size or entry.published.input_size[1:]
    return height, width


def _build(entry: Entry, options: dict[str, Any]) -> nn.Module:
    try:
        return timm.create_model(entry.name, **options)
    # A model fails at what it cannot take in whatever its own code raises.
    except Exception as error:
        unknown = re.search(r"unexpected keyword argument\W+(s\W+)?(?P<name>\w+)", str(error))
        if unknown and unknown["name"] == "dynamic_img_size":
            return _build(entry, {key: value for key, value in options.items() if key != "dynamic_img_size"})
        if unknown:
            raise SpecError([Problem(f"{entry.label} takes no {unknown['name']}")]) from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        whole = f"{entry.label} with its published weights" if options.get("pretrained") else entry.label
        raise SpecError([Problem(f"{whole} cannot be built: {reason}")]) from error


def _load(
    entry: Entry, model: nn.Module, weights: Literal["pretrained"] | Path | None, num_classes: int, in_channels: int
) -> list[str]:
    """Load a file, if there is one; return the tensors of the head that the weights, of timm or a file, do not fill."""
    if isinstance(weights, Path):
        return load_file(entry, model, weights, in_channels)
    if weights is not None and entry.published.num_classes != num_classes:
        return tensors_of(model, entry.head)
    return []
