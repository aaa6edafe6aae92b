"""Augmenters that blend two branches. The results of their branches lie over one another, so no mask follows those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from annotated_types import Ge, MinLen

from retinue_imgaug_aug.notation import Parameter, chance, children, number, option, plain, whole
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import FROM_COLORSPACE, INTERPOLATIONS, PER_CHANNEL

FACTOR = number("share of the foreground", 0, 1)
BRANCHES: Mapping[str, Parameter] = {
    "foreground": children("augmenters of the one branch; the picture as it is unless given", None),
    "background": children("augmenters of the other branch; the picture as it is unless given", None),
}
NOISE = {
    "per_channel": PER_CHANNEL,
    "size_px_max": whole("the longer side of the noise before it is scaled up", 1, 10000),
    "upscale_method": option("how it is scaled up; mostly linear unless given", *INTERPOLATIONS),
    "iterations": whole("how many fields of noise are combined", 1, 10000),
    "aggregation_method": option("how they are combined", "min", "max", "avg"),
    "sigmoid": chance("probability that the shares are driven towards 0 and 1"),
    "sigmoid_thresh": number("where the sigmoid has its middle; drawn about 0 unless given"),
}
GRADIENT = {
    "min_value": number("least share of the foreground", 0, 1),
    "max_value": number("greatest share of the foreground", 0, 1),
    "start_at": number("where the least share is, as a part of the side", 0, 1),
    "end_at": number("where the greatest share is, as a part of the side", 0, 1),
}
GRID = {"nb_rows": whole("rows of cells", 1), "nb_cols": whole("columns of cells", 1)}
Labels = Annotated[list[Annotated[int, Ge(0)]], MinLen(1)]
CELL_SHARE = number("share of the foreground in each cell", 0, 1)


def _blend(parameters: Mapping[str, Parameter], rgb: bool = False) -> Row:
    return Row(parameters, rgb=rgb, mixes=True)


ROWS = {
    "blend-alpha": _blend({"factor": FACTOR, **BRANCHES, "per_channel": PER_CHANNEL}),
    "blend-alpha-elementwise": _blend({"factor": FACTOR, **BRANCHES, "per_channel": PER_CHANNEL}),
    "blend-alpha-simplex-noise": _blend({**BRANCHES, **NOISE}),
    "blend-alpha-frequency-noise": _blend(
        {"exponent": number("of the frequencies: -4 gives large patches, 4 small ones"), **BRANCHES, **NOISE}
    ),
    "blend-alpha-some-colors": _blend(
        {
            **BRANCHES,
            "nb_bins": whole("ranges of hue that are chosen from", 2, 256),
            "smoothness": number("how softly ranges of hue pass into one another", 0, 1),
            "alpha": number("share of the foreground for each range of hue", 0, 1),
            "rotation_deg": number("where on the colour circle the ranges begin, in degrees", -360, 360),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
    "blend-alpha-horizontal-linear-gradient": _blend({**BRANCHES, **GRADIENT}),
    "blend-alpha-vertical-linear-gradient": _blend({**BRANCHES, **GRADIENT}),
    "blend-alpha-regular-grid": _blend({**GRID, **BRANCHES, "alpha": CELL_SHARE}),
    "blend-alpha-checkerboard": _blend({**GRID, **BRANCHES}),
    "blend-alpha-seg-map-class-ids": _blend(
        {
            "class_ids": plain(Labels, "labels whose pixels get the foreground; needs a mask"),
            **BRANCHES,
            "nb_sample_classes": whole("how many of the labels are drawn, with repetition; all unless given", 0),
        }
    ),
}
