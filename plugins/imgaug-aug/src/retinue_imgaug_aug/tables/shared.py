"""Parameters that several augmenters share."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Gt

from retinue_imgaug_aug.forms import Limits, Table, one_of, typed, varied
from retinue_imgaug_aug.notation import Parameter, chance, give, number, option, plain, word
from retinue_imgaug_aug.upstream import parameters

COLORSPACES = ("RGB", "BGR", "YCrCb", "HSV", "HLS", "Lab", "Luv", "YUV", "CIE")
INTERPOLATIONS = ("nearest", "linear", "area", "cubic")

PER_CHANNEL = chance("probability that each channel is drawn for by itself; true is always")
FROM_COLORSPACE = word("colour space that the picture comes in; within with-colorspace another than RGB", *COLORSPACES)

BORDER_VALUE = number("value of what it brings in, where the mode is constant", 0, 255)
BORDER_MODE = option(
    "what it brings in for the picture: a constant, or the picture continued; masks get ignore_index in any case",
    "constant",
    "edge",
    "symmetric",
    "reflect",
    "wrap",
)
ORDER = option("interpolation: 0 nearest, 1 linear, 3 cubic; masks always take the nearest", 0, 1, 3, 4, 5)

MAX_SIZE = plain(Annotated[int, Gt(0)] | None, "larger pictures are scaled down to this for the work, then back up")
INTERPOLATION = word("how it scales down and up for max_size", *INTERPOLATIONS)

T = TypeVar("T")


class Point(Table, Generic[T]):
    """A place in the picture: 0 is left or top, 1 is right or bottom."""

    x: T
    y: T


def _give_place(value: Any) -> Any:
    if isinstance(value, str):
        return value
    pairs = (("x", value.x), ("y", value.y))
    return tuple(parameters.handle_continuous_param(give(inner), axis) for axis, inner in pairs)


Places = Literal[
    "uniform",
    "normal",
    "center",
    "left-top",
    "left-center",
    "left-bottom",
    "center-top",
    "center-center",
    "center-bottom",
    "right-top",
    "right-center",
    "right-bottom",
]
POSITION = Parameter(
    one_of(Places, typed(Point, varied(float, Limits(0, 1)))),
    "where: drawn evenly, drawn about the centre, a named place, or { x = ..., y = ... } from 0 to 1",
    give=_give_place,
)
