"""Augmenters that change the size, or cut and pad and scale back."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from annotated_types import Gt

from retinue_imgaug_aug.forms import Choice, Limits, Table, limited, one_of, typed, varied
from retinue_imgaug_aug.notation import Parameter, children, flag, give, option, plain, whole
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import INTERPOLATIONS, POSITION

T = TypeVar("T")


class Rectangle(Table, Generic[T]):
    """Height and width."""

    height: T = "keep"  # type: ignore[assignment]
    width: T = "keep"  # type: ignore[assignment]


class Sides(Table, Generic[T]):
    """The shorter and the longer side."""

    shorter_side: T = "keep"  # type: ignore[assignment]
    longer_side: T = "keep"  # type: ignore[assignment]


_lengths = (int | float, tuple[int, int] | tuple[float, float], Choice[int] | Choice[float])
_side = limited(one_of(*_lengths, Literal["keep", "keep-aspect-ratio"]), Limits(above=0))


def _give_size(value: Any) -> Any:
    if isinstance(value, Rectangle | Sides):
        return {key.replace("_", "-"): give(getattr(value, key)) for key in type(value).model_fields}
    return give(value)


def _borders(kind: Any, limits: Limits, meaning: str) -> Parameter:
    border = varied(kind, limits)
    four = typed(tuple, (border,) * 4)
    return Parameter(limited(one_of(kind, tuple[kind, kind], four), limits), meaning)


BORDERS = "for each border a number or a range; or a list of four, top, right, bottom and left, each with a choice too"
OPTIONS = {
    "keep_size": flag("scale back to the size from before"),
    "sample_independently": flag("draw for each border by itself"),
}
PADDING = {
    "pad_mode": option(
        "what is added to the picture, in NumPy's words; masks get ignore_index in any case",
        "constant",
        "edge",
        "linear_ramp",
        "maximum",
        "mean",
        "median",
        "minimum",
        "reflect",
        "symmetric",
        "wrap",
    ),
    "pad_cval": whole("value of a constant border", 0, 255),
}
PLACE = {"position": POSITION}


def _size(meaning: str) -> Parameter:
    return plain(Annotated[int, Gt(0)] | None, f"{meaning}; this side stays unless given", None)


FIXED = {"width": _size("width in pixels"), "height": _size("height in pixels")}
MULTIPLES = {
    "width_multiple": _size("number that the width is to be a multiple of"),
    "height_multiple": _size("number that the height is to be a multiple of"),
}
POWERS = {
    "width_base": _size("number that the width is to be a power of"),
    "height_base": _size("number that the height is to be a power of"),
}
RATIO = {"aspect_ratio": plain(Annotated[float, Gt(0)], "width / height")}


def _crop(**parameters: Parameter) -> Row:
    return Row(parameters, moves=True)


def _pad(**parameters: Parameter) -> Row:
    return Row({**parameters, **PADDING}, moves=True, fills=True)


ROWS = {
    "resize": _crop(
        size=Parameter(
            limited(one_of(*_lengths, typed(Rectangle, _side), typed(Sides, _side)), Limits(above=0)),
            "whole numbers are pixels, others a part of the size; or { height = ..., width = ... } or "
            '{ shorter_side = ..., longer_side = ... }, each with "keep" or "keep-aspect-ratio" too',
            give=_give_size,
        ),
        interpolation=option("of the picture; masks always take the nearest", *INTERPOLATIONS),
    ),
    "keep-size-by-resize": _crop(
        children=children("augmenters that change the size"),
        interpolation=option("of the picture; masks always take the nearest", *INTERPOLATIONS),
    ),
    "crop": _crop(
        px=_borders(int, Limits(0), f"pixels to cut off, {BORDERS}"),
        percent=_borders(float, Limits(0, below=1), f"parts of the side to cut off, in place of px, {BORDERS}"),
        **OPTIONS,
    ),
    "pad": _pad(
        px=_borders(int, Limits(0), f"pixels to add, {BORDERS}"),
        percent=_borders(float, Limits(0), f"parts of the side to add, in place of px, {BORDERS}"),
        **OPTIONS,
    ),
    "crop-and-pad": _pad(
        px=_borders(int, Limits(), f"pixels to add, or if negative to cut off, {BORDERS}"),
        percent=_borders(float, Limits(above=-1), f"parts of the side, in place of px, {BORDERS}"),
        **OPTIONS,
    ),
    "crop-to-fixed-size": _crop(**FIXED, **PLACE),
    "center-crop-to-fixed-size": _crop(**FIXED),
    "pad-to-fixed-size": _pad(**FIXED, **PLACE),
    "center-pad-to-fixed-size": _pad(**FIXED),
    "crop-to-multiples-of": _crop(**MULTIPLES, **PLACE),
    "center-crop-to-multiples-of": _crop(**MULTIPLES),
    "pad-to-multiples-of": _pad(**MULTIPLES, **PLACE),
    "center-pad-to-multiples-of": _pad(**MULTIPLES),
    "crop-to-powers-of": _crop(**POWERS, **PLACE),
    "center-crop-to-powers-of": _crop(**POWERS),
    "pad-to-powers-of": _pad(**POWERS, **PLACE),
    "center-pad-to-powers-of": _pad(**POWERS),
    "crop-to-aspect-ratio": _crop(**RATIO, **PLACE),
    "center-crop-to-aspect-ratio": _crop(**RATIO),
    "pad-to-aspect-ratio": _pad(**RATIO, **PLACE),
    "center-pad-to-aspect-ratio": _pad(**RATIO),
    "crop-to-square": _crop(**PLACE),
    "center-crop-to-square": _crop(),
    "pad-to-square": _pad(**PLACE),
    "center-pad-to-square": _pad(),
}
