"""Pictures brighter or darker at random.

[data.train]
transforms = [{ use = "my-part", strength = 0.3 }]
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torchvision.transforms.v2.functional import adjust_brightness

from retinue.api import Sample
from retinue.hooks import Register, hookimpl


@dataclass(frozen=True)
class MyPart:
    """Multiply a picture by a factor drawn for it; masks stay as they are.

    Draw from torch's, NumPy's or Python's own generators: they are seeded for each sample.

    Args:
        strength: the factor is between 1 - strength and 1 + strength.
    """

    strength: Annotated[float, Interval(ge=0, le=1)] = 0.2

    def __call__(self, sample: Sample) -> Sample:
        factor = torch.empty(()).uniform_(1 - self.strength, 1 + self.strength).item()
        return {**sample, "image": adjust_brightness(sample["image"], factor)}


@hookimpl
def retinue_transforms(register: Register) -> None:
    register("my-part", MyPart, summary="brighter or darker at random")
