"""Augmenters that blur."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from retinue_imgaug_aug.forms import Limits, numbers, varied
from retinue_imgaug_aug.notation import Parameter, give_drawn, number, option, whole
from retinue_imgaug_aug.tables.row import Row


def _check_odd(value: Any) -> Any:
    for side in numbers(value):
        if side % 2 == 0:
            raise ValueError(f"odd numbers are needed, {side:g} is even")
    return value


ROWS = {
    "gaussian-blur": Row({"sigma": number("standard deviation in pixels", 0)}),
    "average-blur": Row({"k": whole("side of the square in pixels", 1, give=give_drawn)}),
    "median-blur": Row(
        {
            "k": Parameter(
                Annotated[varied(int, Limits(1)), AfterValidator(_check_odd)],
                "side of the square in pixels, odd, at least 1",
            )
        }
    ),
    "bilateral-blur": Row(
        {
            "d": whole("diameter of the neighbourhood in pixels; slow above 10", 1),
            "sigma_color": number("how far colours may differ", 1),
            "sigma_space": number("how far pixels may be apart", 1),
        },
        rgb=True,
    ),
    "motion-blur": Row(
        {
            "k": whole("length in pixels", 3),
            "angle": number("direction in degrees, clockwise from upwards"),
            "direction": number("-1 blurs backwards, 1 forwards, 0 both ways", -1, 1),
            "order": option("interpolation of the turned line: 0 nearest, 1 linear, 3 cubic", 0, 1, 3, 4, 5),
        }
    ),
    "mean-shift-blur": Row(
        {
            "spatial_radius": number("how far pixels may be apart", 0.01),
            "color_radius": number("how far colours may differ", 0.01),
        }
    ),
}
