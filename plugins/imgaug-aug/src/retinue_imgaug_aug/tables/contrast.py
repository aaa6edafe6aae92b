"""Augmenters that change contrast."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt

from retinue_imgaug_aug.notation import number, plain, whole, word
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import PER_CHANNEL

CLAHE = {
    "clip_limit": number("how much contrast is limited", above=0),
    "tile_grid_size_px": whole("side of a tile in pixels", 1),
    "tile_grid_size_px_min": plain(Annotated[int, Gt(0)], "least side of a tile in pixels"),
}
INTENSITY = {
    "from_colorspace": word("colour space that the picture comes in", "RGB", "BGR", "HSV", "HLS", "Lab"),
    "to_colorspace": word("colour space whose brightness it is", "Lab", "HLS", "HSV"),
}

ROWS = {
    "gamma-contrast": Row({"gamma": number("exponent", 0), "per_channel": PER_CHANNEL}),
    "sigmoid-contrast": Row(
        {
            "gain": number("steepness", 0),
            "cutoff": number("brightness at its middle, of 0 to 1", 0, 1),
            "per_channel": PER_CHANNEL,
        }
    ),
    "log-contrast": Row({"gain": number("factor", 0), "per_channel": PER_CHANNEL}),
    "linear-contrast": Row({"alpha": number("factor"), "per_channel": PER_CHANNEL}),
    "all-channels-clahe": Row({**CLAHE, "per_channel": PER_CHANNEL}),
    "clahe": Row({**CLAHE, **INTENSITY}),
    "all-channels-histogram-equalization": Row(),
    "histogram-equalization": Row(INTENSITY),
}
