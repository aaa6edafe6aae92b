"""Augmenters that make weather."""

from __future__ import annotations

from retinue_imgaug_aug.notation import number, plain, whole
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import FROM_COLORSPACE

DENSITY = number("probability of each pixel, in low resolution", 0, 1)
DENSITY_UNIFORMITY = number("how evenly they are spread", 0, below=1)
SIZE = number(
    "resolution that they are drawn in, as a part of the picture's; the higher, the smaller they are", 0.001, 1
)
SIZE_UNIFORMITY = number("how equal they are in size", 0, 1)
ANGLE = number("direction of the fall in degrees; 0 is straight down")
SPEED = number("length of their trace as a part of the picture's side", 0, 1)
BLUR = {
    "blur_sigma_fraction": number("standard deviation of their blur as a part of the picture's side", 0, 1),
    "blur_sigma_limits": plain(tuple[float, float], "least and greatest standard deviation of their blur in pixels"),
}

ROWS = {
    "fast-snowy-landscape": Row(
        {
            "lightness_threshold": number("pixels darker than this turn to snow", 0, 255),
            "lightness_multiplier": number("how much brighter they get", 0),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
    "cloud-layer": Row(
        {
            "intensity_mean": number("mean brightness of the clouds", 0, 255),
            "intensity_freq_exponent": number("exponent of the noise within them, about -2"),
            "intensity_coarse_scale": number("standard deviation of their brightness from place to place", 0),
            "alpha_min": number("least opacity; more than 0 makes fog", 0, 1),
            "alpha_multiplier": number("factor of the opacity", 0),
            "alpha_size_px_max": whole("longer side of the noise that shapes them; the lower, the larger they are", 1),
            "alpha_freq_exponent": number("exponent of the noise that shapes them, about -2"),
            "sparsity": number("exponent of the opacity, about 1", 0),
            "density_multiplier": number("late factor of the opacity, about 1", 0),
        }
    ),
    "clouds": Row(),
    "fog": Row(),
    "snowflakes-layer": Row(
        {
            "density": DENSITY,
            "density_uniformity": DENSITY_UNIFORMITY,
            "flake_size": SIZE,
            "flake_size_uniformity": SIZE_UNIFORMITY,
            "angle": ANGLE,
            "speed": SPEED,
            **BLUR,
        }
    ),
    "snowflakes": Row(
        {
            "density": DENSITY,
            "density_uniformity": DENSITY_UNIFORMITY,
            "flake_size": SIZE,
            "flake_size_uniformity": SIZE_UNIFORMITY,
            "angle": ANGLE,
            "speed": SPEED,
        }
    ),
    "rain-layer": Row(
        {
            "density": DENSITY,
            "density_uniformity": DENSITY_UNIFORMITY,
            "drop_size": SIZE,
            "drop_size_uniformity": SIZE_UNIFORMITY,
            "angle": ANGLE,
            "speed": SPEED,
            **BLUR,
        }
    ),
    "rain": Row({"nb_iterations": whole("layers of rain", 1, 3), "drop_size": SIZE, "speed": SPEED}),
}
