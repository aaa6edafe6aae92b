"""Augmenters that move pixels; masks move with the picture."""

from __future__ import annotations

from typing import Any

from retinue_imgaug_aug.notation import (
    Parameter,
    axes,
    chance,
    children,
    flag,
    number,
    option,
    whole,
    word,
)
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import BORDER_MODE, BORDER_VALUE, ORDER, POSITION

FLIP = Row({"p": chance("probability")}, moves=True)
WARP = {
    "order": ORDER,
    "cval": BORDER_VALUE,
    "mode": BORDER_MODE,
    "fit_output": flag("make the picture large enough to hold all of it; its size then changes"),
    "backend": word("library that does it", "auto", "skimage", "cv2"),
}
PLACEMENT = {
    "scale": axes("factor of the size", float, above=0),
    "translate_percent": axes("how far it moves, as a part of the side", float),
    "translate_px": axes("how far it moves in pixels, in place of translate_percent", int),
    "rotate": number("angle in degrees, clockwise"),
    "shear": axes("angle in degrees", float),
}


def _warp(**parameters: Parameter) -> Row:
    return Row({**parameters, **WARP}, moves=True, fills=True)


def _fill(**parameters: Any) -> Row:
    return Row(parameters, moves=True, fills=True)


TRANSLATION = {
    "percent": number("how far it moves, as a part of the side; -0.25 to 0.25 if neither is given"),
    "px": whole("how far it moves in pixels, in place of percent"),
}

ROWS = {
    "fliplr": FLIP,
    "flipud": FLIP,
    "affine": _warp(**PLACEMENT),
    "scale-x": _warp(scale=number("factor of the width", above=0)),
    "scale-y": _warp(scale=number("factor of the height", above=0)),
    "translate-x": _warp(**TRANSLATION),
    "translate-y": _warp(**TRANSLATION),
    "rotate": _warp(rotate=number("angle in degrees, clockwise")),
    "shear-x": _warp(shear=number("angle in degrees")),
    "shear-y": _warp(shear=number("angle in degrees")),
    "rot90": Row(
        {
            "k": whole("how many quarter turns, clockwise"),
            "keep_size": flag("scale back to the size from before"),
        },
        moves=True,
    ),
    "piecewise-affine": _fill(
        scale=number("how far points of the grid move, as a part of the side (a standard deviation)", 0),
        nb_rows=whole("rows of the grid", 2),
        nb_cols=whole("columns of the grid", 2),
        order=ORDER,
        cval=BORDER_VALUE,
        mode=BORDER_MODE,
        absolute_scale=flag("scale is in pixels"),
    ),
    "perspective-transform": _fill(
        scale=number("how far the corners move, as a part of the side (a standard deviation)", 0),
        cval=BORDER_VALUE,
        mode=option("what it brings in: a constant, or the border's pixels", "constant", "replicate"),
        keep_size=flag("scale back to the size from before"),
        fit_output=flag("show all of the picture"),
    ),
    "elastic-transformation": _fill(
        alpha=number("strength of the field in pixels", 0),
        sigma=number("smoothness of the field: standard deviation of a Gaussian in pixels", 0),
        order=ORDER,
        cval=BORDER_VALUE,
        mode=option("what it brings in for the picture", "constant", "nearest", "reflect", "wrap"),
    ),
    "with-polar-warping": _fill(children=children("augmenters; what they move along the width moves from the centre")),
    "jigsaw": _fill(
        nb_rows=whole("rows of cells", 1),
        nb_cols=whole("columns of cells", 1),
        max_steps=whole("how often a cell may be swapped", 0),
        allow_pad=flag(
            "pad the picture until equal cells fill it, which changes its size; else its sides must be multiples"
        ),
    ),
    "pillike-affine": _fill(
        **PLACEMENT,
        fillcolor=number("value of what it brings in", 0, 255),
        center=Parameter(POSITION.type, "point that it scales, turns and shears about", "center", POSITION.give),
    ),
}
