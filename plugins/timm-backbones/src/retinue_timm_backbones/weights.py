"""Weights from a file of the user's: every tensor has its place, but for those of a head of another size."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import timm
import torch
from timm.models import adapt_input_conv, load_state_dict
from torch import Tensor, nn

from retinue.errors import Problem, SpecError
from retinue_timm_backbones.catalog import Entry

logger = logging.getLogger("retinue")

State = dict[str, Tensor]

SHOWN = 6
"""Tensors that a message describes before it counts the others."""


def load_file(entry: Entry, model: nn.Module, file: Path, in_channels: int) -> list[str]:
    """Load a state dict into a timm model that was just built.

    Older names of tensors are brought up to date and position embeddings resampled as timm does it for its own files;
    a first convolution for other channels is adapted likewise, and that is logged.

    Args:
        entry: which model it is.
        model: the model.
        file: in safetensors' format, or torch's; what torch would have to run code to read is refused.
        in_channels: that the model was built for.

    Returns:
        The tensors of the head that the file has not, or for another number of classes: they stay random.

    Raises:
        SpecError: the file is missing or unreadable, or does not fit.
    """
    state = _convert(entry, model, file, _read(entry, file))
    own = model.state_dict()
    afresh = [key for key in tensors_of(model, entry.head) if key not in state or _differ(state[key], own[key])]
    state |= {key: own[key] for key in afresh}
    for key in tensors_of(model, entry.first_convolution):
        if key in state and _differ(state[key], own[key]):
            adapted = _adapt(entry, state[key], in_channels)
            if not _differ(adapted, own[key]):
                state[key] = adapted
                logger.warning("%s: %s of %s is adapted to %d channels", entry.label, key, file, in_channels)
    misfits = list(_find_misfits(state, own))
    if misfits:
        more = f" and {len(misfits) - SHOWN} more" if len(misfits) > SHOWN else ""
        raise SpecError([Problem(f"{file} does not fit {entry.label}: {'; '.join(misfits[:SHOWN])}{more}")])
    model.load_state_dict(state)
    return afresh


def tensors_of(model: nn.Module, modules: list[str]) -> list[str]:
    """Return the names of the tensors that some of a model's modules hold themselves."""
    return [key for key in model.state_dict() if key.rpartition(".")[0] in modules]


def _read(entry: Entry, file: Path) -> State:
    if not file.is_file():
        raise SpecError([Problem(f'{entry.label}: there is no file {file}; weights are "pretrained" or a file')])
    try:
        state = load_state_dict(str(file))
    # Each format, and each way in which a file is damaged, has an error of its own.
    except Exception as error:
        raise SpecError([_explain_unreadable(file, error)]) from error
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        held = ", ".join(map(str, list(state)[:SHOWN])) if isinstance(state, dict) else type(state).__name__
        raise SpecError([Problem(f"{file} holds no tensors by name, as a state dict does, but {held}")])
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def _explain_unreadable(file: Path, error: Exception) -> Problem:
    try:
        code = torch.serialization.get_unsafe_globals_in_checkpoint(str(file))
    except Exception:
        code = []
    if not code:
        return Problem(f"{file} cannot be read as weights: {' '.join(str(error).split())}")
    names = ", ".join(code[:SHOWN])
    convert = (
        f"import torch; torch.save(torch.load('{file}', weights_only=False).state_dict(), "
        f"'{file.with_suffix('.weights.pt')}')"
    )
    return Problem(
        f"{file} holds pickled objects ({names}), and opening them runs code",
        note=f'if you trust it, write its tensors alone: python -c "{convert}"',
    )


def _convert(entry: Entry, model: nn.Module, file: Path, state: State) -> State:
    """Apply the conversion that the module of a timm model has for published weights, where it has one."""
    module = sys.modules[timm.model_entrypoint(entry.name).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    try:
        return dict(convert(state, model)) if convert else state
    # It looks for the tensors of this one model.
    except Exception as error:
        raise SpecError([Problem(f"{file} does not fit {entry.label}: {type(error).__name__}: {error}")]) from error


def _adapt(entry: Entry, weight: Tensor, in_channels: int) -> Tensor:
    try:
        adapted: Tensor = adapt_input_conv(in_channels, weight, entry.published.input_size[0])
    except (AssertionError, NotImplementedError, RuntimeError):
        return weight
    return adapted


def _find_misfits(state: State, own: State) -> Iterator[str]:
    for key in {**own, **state}:
        if key not in own:
            yield f"it has {key}, which the model has not"
        elif key not in state:
            # Batch norm counted nothing before torch 0.4.1, and does without.
            if not key.endswith("num_batches_tracked"):
                yield f"it has no {key}"
        elif _differ(state[key], own[key]):
            yield f"{key} is {_shape(state[key])} there and {_shape(own[key])} here"


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
