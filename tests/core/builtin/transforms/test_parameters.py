from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from retinue.builtin.transforms import color, quality, warping
from retinue.builtin.transforms.parameters import Padding, PositiveSpan


@pytest.mark.parametrize(
    ("annotation", "bounds"),
    [
        (PositiveSpan, (2, 1)),
        (color.Strength, (2, 1)),
        (color.Hue, (0.1, -0.1)),
        (warping.Angles, (20, 10)),
        (warping.Shear, (0, 5, 20, 10)),
        (quality.Quality, (90, 50)),
    ],
)
def test_bounds_in_the_wrong_order_are_refused(annotation: Any, bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="the lower bound comes first"):
        TypeAdapter(annotation).validate_python(bounds)


def test_three_borders_are_refused() -> None:
    with pytest.raises(ValidationError, match="1, 2 or 4 borders are needed, these are 3"):
        TypeAdapter(Padding).validate_python([1, 2, 3])
