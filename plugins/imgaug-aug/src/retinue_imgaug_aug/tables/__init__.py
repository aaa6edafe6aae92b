"""The parameters of every augmenter, by name."""

from __future__ import annotations

from retinue_imgaug_aug.tables import (
    arithmetic,
    blend,
    blur,
    color,
    composition,
    contrast,
    convolution,
    geometry,
    pillike,
    pooling,
    segmentation,
    size,
    weather,
)
from retinue_imgaug_aug.tables.row import Row

ROWS: dict[str, Row] = {
    **composition.ROWS,
    **geometry.ROWS,
    **size.ROWS,
    **arithmetic.ROWS,
    **blend.ROWS,
    **blur.ROWS,
    **color.ROWS,
    **contrast.ROWS,
    **convolution.ROWS,
    **pooling.ROWS,
    **segmentation.ROWS,
    **weather.ROWS,
    **pillike.ROWS,
}
