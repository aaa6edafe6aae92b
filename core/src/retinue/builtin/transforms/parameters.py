"""Types that several transforms' parameters share. What holds for a union is checked on the whole of it, so that the
message speaks of the value and not of the union's other members.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from annotated_types import Ge, Gt, Interval
from pydantic import AfterValidator

Bounds = TypeVar("Bounds")


def _ascend(bounds: Bounds) -> Bounds:
    """Check that of each pair the lower comes first; a single number is no pair."""
    pairs = zip(bounds[::2], bounds[1::2], strict=True) if isinstance(bounds, tuple) else ()
    for low, high in pairs:
        if low > high:
            raise ValueError(f"the lower bound comes first, these are {low} and {high}")
    return bounds


def _count_borders(padding: int | list[int]) -> int | list[int]:
    if isinstance(padding, list) and len(padding) not in (2, 4):
        raise ValueError(f"1, 2 or 4 borders are needed, these are {len(padding)}")
    return padding


Ascending = AfterValidator(_ascend)

Fraction = Annotated[float, Interval(ge=0, le=1)]
NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]

FractionSpan = Annotated[tuple[Fraction, Fraction], Ascending]
NonNegativeSpan = Annotated[tuple[NonNegative, NonNegative], Ascending]
PositiveSpan = Annotated[tuple[Positive, Positive], Ascending]

Side = Annotated[int, Gt(0)]
Size = Side | tuple[Side, Side]
Border = Annotated[int, Ge(0)]
Padding = Annotated[Border | list[Border], AfterValidator(_count_borders)]
PaddingMode = Literal["constant", "edge", "reflect", "symmetric"]

Fill = float | list[float]
Interpolation = Literal["nearest", "bilinear", "bicubic"]
WarpInterpolation = Literal["nearest", "bilinear"]
