"""What a model may return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

MAIN_KEYS = ("out", "logits")


def split_outputs(raw: Any) -> tuple[Tensor, list[Tensor]]:
    """Part a model's main output from its auxiliary ones.

    Accepts a tensor; a mapping whose main output is under "out" or "logits" (torchvision's segmentation
    models, transformers'); a tuple whose first element is the main output (torchvision's GoogLeNet,
    Inception). What is None is left out.

    Raises:
        TypeError: the output is none of these.
    """
    if isinstance(raw, Tensor):
        return raw, []
    if isinstance(raw, Mapping):
        main = next((key for key in MAIN_KEYS if key in raw), None)
        if main is not None:
            return raw[main], [value for key, value in raw.items() if key != main and isinstance(value, Tensor)]
        raise TypeError(
            f"the model returned a mapping with {sorted(raw)}: its main output must be under 'out' or 'logits'"
        )
    if isinstance(raw, tuple) and raw and isinstance(raw[0], Tensor):
        return raw[0], [value for value in raw[1:] if isinstance(value, Tensor)]
    raise TypeError(f"the model returned {type(raw).__name__}: a tensor, a mapping or a tuple of tensors is needed")
