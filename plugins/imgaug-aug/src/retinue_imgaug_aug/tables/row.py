"""What is known of an augmenter beside its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retinue_imgaug_aug.notation import Parameter


@dataclass(frozen=True)
class Row:
    """An augmenter's parameters and what it does to a sample.

    Attributes:
        parameters: by the names that imgaug gives them.
        rgb: it needs colours.
        moves: pixels change their place, and a mask follows.
        fills: it brings in pixels without a class, so it takes `ignore_index`.
        mixes: it shows pixels of its children's results and of others together.
    """

    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    rgb: bool = False
    moves: bool = False
    fills: bool = False
    mixes: bool = False
