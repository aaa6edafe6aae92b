"""Augmenters that pool blocks of pixels."""

from __future__ import annotations

from retinue_imgaug_aug.notation import flag, whole
from retinue_imgaug_aug.tables.row import Row

POOLING = Row(
    {
        "kernel_size": whole("side of a block in pixels", 1),
        "keep_size": flag("scale back to the size from before"),
    },
    moves=True,
)

ROWS = {
    "average-pooling": POOLING,
    "max-pooling": POOLING,
    "min-pooling": POOLING,
    "median-pooling": POOLING,
}
