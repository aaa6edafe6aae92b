"""Augmenters that replace segments of the picture by their mean colour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retinue_imgaug_aug.forms import Choice
from retinue_imgaug_aug.notation import give, number, probability, whole
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import INTERPOLATION, MAX_SIZE
from retinue_imgaug_aug.upstream import parameters

REPLACED = {
    "p_replace": probability("probability of each segment"),
    "max_size": MAX_SIZE,
    "interpolation": INTERPOLATION,
}


def _give_dropping(value: Any) -> Any:
    # A list of two would be taken for a range; a parameter says which points stay.
    return parameters.Binomial(1 - parameters.Choice(value.choice)) if isinstance(value, Choice) else give(value)


P_DROP_POINTS = replace(probability("probability that a point of the grid is left out"), give=_give_dropping)

ROWS = {
    "superpixels": Row({"n_segments": whole("about how many segments", 1), **REPLACED}),
    "uniform-voronoi": Row({"n_points": whole("how many cells", 1), **REPLACED}),
    "regular-grid-voronoi": Row(
        {
            "n_rows": whole("rows of the grid", 1),
            "n_cols": whole("columns of the grid", 1),
            "p_drop_points": P_DROP_POINTS,
            **REPLACED,
        }
    ),
    "relative-regular-grid-voronoi": Row(
        {
            "n_rows_frac": number("rows of the grid as a part of the height", 0.001, 1),
            "n_cols_frac": number("columns of the grid as a part of the width", 0.001, 1),
            "p_drop_points": P_DROP_POINTS,
            **REPLACED,
        }
    ),
}
