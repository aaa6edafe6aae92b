"""The plug-in imgaug-aug: every augmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue.testing import Case, check_plugin

# The plug-in silences these itself; pytest puts its own filters in their place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imageio"),
]

ADD = {"use": "imgaug-aug/add", "value": [30, 60]}
FLIP = "imgaug-aug/fliplr"
GRID = {"nb_rows": 2, "nb_cols": 3}
FLAKES = {"density": 0.05, "density_uniformity": 0.5, "angle": [-30, 30], "speed": 0.02, "blur_sigma_fraction": 0.001}

BLENDS = (
    *("", "-elementwise", "-frequency-noise", "-simplex-noise", "-some-colors"),
    *("-horizontal-linear-gradient", "-vertical-linear-gradient"),
)

NEEDED: dict[str, dict[str, Any]] = {
    "sequential": {"children": [FLIP, ADD]},
    "some-of": {"n": [0, 2], "children": [FLIP, ADD]},
    "one-of": {"children": [FLIP, ADD]},
    "sometimes": {"then_list": [FLIP], "else_list": [ADD]},
    "with-channels": {"channels": [0], "children": [ADD]},
    "with-polar-warping": {"children": [{"use": "imgaug-aug/affine", "rotate": [-20, 20], "order": 0}]},
    "with-colorspace": {"to_colorspace": "HSV", "children": [ADD]},
    "with-brightness-channels": {"children": [ADD]},
    "with-hue-and-saturation": {"children": [ADD]},
    "change-colorspace": {"to_colorspace": "HSV"},
    "convolve": {"matrix": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]},
    "resize": {"size": [24, 40]},
    "keep-size-by-resize": {"children": [{"use": "imgaug-aug/crop", "percent": [0.0, 0.2], "keep_size": False}]},
    "crop-to-aspect-ratio": {"aspect_ratio": 1.7},
    "center-crop-to-aspect-ratio": {"aspect_ratio": 1.7},
    "pad-to-aspect-ratio": {"aspect_ratio": 1.7},
    "center-pad-to-aspect-ratio": {"aspect_ratio": 1.7},
    "replace-elementwise": {"mask": 0.1, "replacement": [0, 255]},
    **{f"blend-alpha{name}": {"foreground": [ADD]} for name in BLENDS},
    "blend-alpha-regular-grid": {"foreground": [ADD], **GRID},
    "blend-alpha-checkerboard": {"foreground": [ADD], **GRID},
    "blend-alpha-seg-map-class-ids": {"foreground": [ADD], "class_ids": [2, 4]},
    "cloud-layer": {
        "intensity_mean": [196, 255],
        "intensity_freq_exponent": [-2.5, -2.0],
        "intensity_coarse_scale": 10,
        "alpha_min": 0,
        "alpha_multiplier": [0.25, 0.75],
        "alpha_size_px_max": [2, 8],
        "alpha_freq_exponent": [-2.5, -2.0],
        "sparsity": [0.8, 1.0],
        "density_multiplier": [0.5, 1.0],
    },
    "snowflakes-layer": {**FLAKES, "flake_size": 0.3, "flake_size_uniformity": 0.5},
    "rain-layer": {**FLAKES, "drop_size": 0.02, "drop_size_uniformity": 0.5},
}
"""What augmenters without defaults, or with some that change nothing, are given."""

ACTS = ("crop", "pad", "center-crop", "center-pad")
FILTERS = (
    *("blur", "contour", "detail", "edge-enhance", "edge-enhance-more"),
    *("emboss", "find-edges", "sharpen", "smooth", "smooth-more"),
)
FIXED = (
    *("all-channels-histogram-equalization", "change-colorspace", "convolve", "fliplr", "flipud", "grayscale"),
    *("histogram-equalization", "identity", "invert", "remove-saturation", "rot90", "total-dropout"),
    *(f"{act}-to-{size}" for act in ACTS for size in ("fixed-size", "multiples-of", "powers-of")),
    *(f"center-{act}-to-{size}" for act in ("crop", "pad") for size in ("aspect-ratio", "square")),
    *("pillike-affine", "pillike-equalize", "pillike-solarize"),
    *(f"pillike-filter-{name}" for name in FILTERS),
)
"""Augmenters that draw nothing with these parameters or their defaults."""

EXEMPT = {
    "superpixels": {"picture-and-mask-stay-aligned": "its areas of one colour cross the mask's borders, unmoved"},
}

CASES = [
    Case("transform", name, NEEDED.get(name, {}), fixed=name in FIXED, exempt=EXEMPT.get(name, {}))
    for name in dict.fromkeys([*NEEDED, *FIXED, *EXEMPT])
]

test_plugin = check_plugin("imgaug-aug", CASES, registry=Path(__file__).parents[2] / "registry.toml")
