"""Augmenters that convolve, find edges, or draw cartoons."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from annotated_types import MinLen
from pydantic import AfterValidator

from retinue_imgaug_aug.forms import Limits, Table, typed, varied
from retinue_imgaug_aug.notation import REQUIRED, Parameter, give, number, whole
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import FROM_COLORSPACE

SHARE = number("share of the result, the rest is the picture as it was", 0, 1)
T = TypeVar("T")


class Thresholds(Table, Generic[T]):
    """The two thresholds of hysteresis."""

    low: T
    high: T


def _check_rectangle(matrix: list[list[float]]) -> list[list[float]]:
    if len({len(row) for row in matrix}) > 1:
        raise ValueError("the rows of a matrix have equal lengths")
    return matrix


def _give_thresholds(value: Thresholds[Any]) -> Any:
    # Single numbers would be taken for the ends of one range.
    return tuple([end] if isinstance(end, float | int) else give(end) for end in (value.low, value.high))


def _give_matrix(value: list[list[float]]) -> Any:
    return np.array(value, dtype=np.float32)


ROWS = {
    "convolve": Row(
        {
            "matrix": Parameter(
                Annotated[list[Annotated[list[float], MinLen(1)]], MinLen(1), AfterValidator(_check_rectangle)],
                "row by row",
                REQUIRED,
                _give_matrix,
            )
        }
    ),
    "sharpen": Row({"alpha": SHARE, "lightness": number("brightness of the result", 0)}),
    "emboss": Row({"alpha": SHARE, "strength": number("strength", 0)}),
    "edge-detect": Row({"alpha": SHARE}),
    "directed-edge-detect": Row(
        {"alpha": SHARE, "direction": number("of the edges, as a part of a full turn clockwise from upwards")}
    ),
    "canny": Row(
        {
            "alpha": SHARE,
            "hysteresis_thresholds": Parameter(
                typed(Thresholds, varied(float, Limits(0, 255))),
                "of the edges' strength, { low = ..., high = ... }, each 0 to 255",
                Thresholds(low=(60, 140), high=(160, 240)),
                _give_thresholds,
            ),
            "sobel_kernel_size": whole("side of the Sobel operator; 1 or less changes nothing", 0, 7),
        }
    ),
    "cartoon": Row(
        {
            "blur_ksize": number("side of the median filter", 0),
            "segmentation_size": number("factor of the segments' size", 0),
            "saturation": number("factor of the saturation", 0),
            "edge_prevalence": number("factor of the number of edges", 0),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
}
