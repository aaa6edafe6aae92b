"""Weights from files, into models that they were not all made for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from retinue.errors import DataError

WRAPPERS = ("state_dict", "model", "model_state_dict", "net")
"""Keys under which training scripts put a state dict beside other things."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from .safetensors, .pt or .pth; nothing in the file is executed.

    What training scripts wrap around it is taken off: a dict with "state_dict" or the like, and the prefixes that
    DataParallel ("module.") and torch.compile ("_orig_mod.") leave.

    Raises:
        DataError: the file is missing, unreadable, or holds no state dict; a pickled model is told how to convert it.
    """
    # Unlike Path's, this one takes a name that is too long.
    if not os.path.isfile(path):
        raise DataError(f"there is no weights file {path}")
    try:
        loaded = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except SafetensorError as error:
        raise DataError(f"{path} cannot be read as safetensors: {error}") from error
    # torch raises whatever its unpickler meets in a damaged or foreign file.
    except Exception as error:
        raise DataError(
            f"{path} is no state dict of tensors alone, and opening more could run code. If you trust it, convert it "
            f"once: python -c \"import torch; m = torch.load('{path}', weights_only=False); "
            "torch.save(getattr(m, 'state_dict', lambda: m)(), 'weights.pt')\""
        ) from error
    weights = _unwrap(loaded)
    if not weights:
        raise DataError(f"{path} holds no state dict: no tensors by name")
    return {_strip(name): tensor for name, tensor in weights.items()}


@dataclass(frozen=True)
class Transfer:
    """What became of each tensor.

    Attributes:
        loaded: names that were filled from the file.
        resized: names that have another size in the file and keep their fresh values, with both sizes.
        missing: names of the model that the file lacks; they keep their fresh values.
        unused: names in the file that the model lacks.
    """

    loaded: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        fresh = [*self.resized, *(f"{name} (not in the file)" for name in self.missing)]
        parts = [f"{len(self.loaded)} tensors loaded"]
        parts += [f"left as initialised: {', '.join(fresh)}"] if fresh else []
        parts += [f"not used: {', '.join(self.unused)}"] if self.unused else []
        return "; ".join(parts)


def transfer_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> Transfer:
    """Load what fits by name and size; a head of another size stays as it was initialised.

    Raises:
        DataError: no tensor fits.
    """
    own = model.state_dict()
    result = Transfer()
    fitting: dict[str, Tensor] = {}
    for name, tensor in own.items():
        if name not in weights:
            # Older files lack it, and it is a count alone.
            if not name.endswith("num_batches_tracked"):
                result.missing.append(name)
        elif weights[name].shape != tensor.shape:
            sizes = [" x ".join(map(str, shape)) or "one" for shape in (weights[name].shape, tensor.shape)]
            result.resized.append(f"{name} ({sizes[0]} in the file, {sizes[1]} here)")
        else:
            fitting[name] = weights[name]
            result.loaded.append(name)
    result.unused.extend(name for name in weights if name not in own)
    if not fitting:
        first = [", ".join(list(names)[:3]) for names in (weights, own)]
        raise DataError(f"{path} fits nothing in the model: it has {first[0]}, ...; the model has {first[1]}, ...")
    model.load_state_dict(fitting, strict=False)
    return result


def _unwrap(loaded: Any) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        return {}
    inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), loaded)
    return {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}


def _strip(name: str) -> str:
    return name.removeprefix("module.").removeprefix("_orig_mod.")
