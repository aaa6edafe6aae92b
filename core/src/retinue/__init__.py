"""Retinue: computer vision by name.

import retinue

run = retinue.train("spec.toml", {"train.epochs": 2})
run.metrics
run.predict("picture.png")
model = retinue.load_model("runs/digits")
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from retinue import clock  # noqa: F401  # before all that takes time to load

if TYPE_CHECKING:
    from retinue.run import SavedRun, evaluate, load_model, predict, train

# torch reads it once: large tensors get large pages, and so begin five times as fast on a CPU.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__all__ = ["SavedRun", "evaluate", "load_model", "predict", "train"]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: the commands and the entry modules do without torch.
    if name in __all__:
        return getattr(import_module("retinue.run"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
