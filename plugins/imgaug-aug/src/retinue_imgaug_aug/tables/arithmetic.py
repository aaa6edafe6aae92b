"""Augmenters that change the values of pixels."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt

from retinue_imgaug_aug.notation import (
    chance,
    give_drawn,
    number,
    option,
    plain,
    probability,
    whole,
)
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import PER_CHANNEL, POSITION

VALUE = number("what is added")
FACTOR = number("what is multiplied by")
NOISE_CENTER = number("mean of the noise")
NOISE_SCALE = number("width of the noise: standard deviation, or scale parameter", 0)

COARSE = {
    "p": probability("probability of each cell"),
    "size_px": whole("cells along each side, by default 3 to 8; the fewer, the larger", 1, give=give_drawn),
    "size_percent": number("cells along each side as a part of the pixels, in place of size_px", 0, 1, give=give_drawn),
    "per_channel": PER_CHANNEL,
    "min_size": plain(Annotated[int, Gt(0)], "least number of cells along each side"),
}
SPECKS = {"p": probability("probability of each pixel"), "per_channel": PER_CHANNEL}

INVERT = {
    "p": chance("probability"),
    "per_channel": PER_CHANNEL,
    "min_value": plain(int | None, "least value of the range that is inverted; 0 unless given"),
    "max_value": plain(int | None, "greatest value of the range that is inverted; 255 unless given"),
    "threshold": number("values on one side of it alone are inverted"),
    "invert_above_threshold": chance("probability that it is the upper side"),
}

ROWS = {
    "add": Row({"value": VALUE, "per_channel": PER_CHANNEL}),
    "add-elementwise": Row({"value": VALUE, "per_channel": PER_CHANNEL}),
    "additive-gaussian-noise": Row({"loc": NOISE_CENTER, "scale": NOISE_SCALE, "per_channel": PER_CHANNEL}),
    "additive-laplace-noise": Row({"loc": NOISE_CENTER, "scale": NOISE_SCALE, "per_channel": PER_CHANNEL}),
    "additive-poisson-noise": Row({"lam": number("mean of the distribution", 0), "per_channel": PER_CHANNEL}),
    "multiply": Row({"mul": FACTOR, "per_channel": PER_CHANNEL}),
    "multiply-elementwise": Row({"mul": FACTOR, "per_channel": PER_CHANNEL}),
    "cutout": Row(
        {
            "nb_iterations": whole("how many rectangles", 0),
            "position": POSITION,
            "size": number("sides of the rectangle as a part of the picture's", 0, 1),
            "squared": chance("probability of a square"),
            "fill_mode": option("what fills them: a constant or noise", "constant", "gaussian"),
            "cval": number("value of a constant filling", 0, 255),
            "fill_per_channel": PER_CHANNEL,
        }
    ),
    "dropout": Row(SPECKS),
    "coarse-dropout": Row(COARSE),
    "dropout2d": Row(
        {
            "p": probability("probability of each channel"),
            "nb_keep_channels": plain(
                Annotated[int, Ge(0)], "channels that stay at least; with 0 a picture may turn black and its mask void"
            ),
        },
        fills=True,
    ),
    "total-dropout": Row({"p": probability("probability")}, fills=True),
    "replace-elementwise": Row(
        {
            "mask": probability("probability of each pixel"),
            "replacement": number("what it is replaced by"),
            "per_channel": PER_CHANNEL,
        }
    ),
    "salt-and-pepper": Row(SPECKS),
    "impulse-noise": Row({"p": SPECKS["p"]}),
    "coarse-salt-and-pepper": Row(COARSE),
    "salt": Row(SPECKS),
    "coarse-salt": Row(COARSE),
    "pepper": Row(SPECKS),
    "coarse-pepper": Row(COARSE),
    "invert": Row(INVERT),
    "solarize": Row(INVERT),
    "jpeg-compression": Row({"compression": number("strength of the compression", 0, 100)}),
}
