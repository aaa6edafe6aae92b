"""Augmenters that do what Pillow's functions of the same names do."""

from __future__ import annotations

from retinue_imgaug_aug.notation import chance, number, whole
from retinue_imgaug_aug.tables.color import BITS
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import PER_CHANNEL

FACTOR = number("1 changes nothing", 0)
FILTERS = (
    "blur",
    "smooth",
    "smooth-more",
    "edge-enhance",
    "edge-enhance-more",
    "find-edges",
    "contour",
    "emboss",
    "sharpen",
    "detail",
)

ROWS = {
    "pillike-solarize": Row({"p": chance("probability"), "threshold": number("the least value that is inverted")}),
    "pillike-posterize": Row(BITS),
    "pillike-equalize": Row(),
    "pillike-autocontrast": Row(
        {
            "cutoff": whole("percent of the darkest and of the brightest pixels left out", 0, 49),
            "per_channel": PER_CHANNEL,
        }
    ),
    "pillike-enhance-color": Row({"factor": FACTOR}),
    "pillike-enhance-contrast": Row({"factor": FACTOR}),
    "pillike-enhance-brightness": Row({"factor": FACTOR}),
    "pillike-enhance-sharpness": Row({"factor": FACTOR}),
    **{f"pillike-filter-{name}": Row() for name in FILTERS},
}
