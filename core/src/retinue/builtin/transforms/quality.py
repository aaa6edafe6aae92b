"""What a worse camera, a worse file or a hand before the lens does to a picture."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from PIL import Image
from pydantic import AfterValidator
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from retinue.api import Sample
from retinue.builtin.transforms.border import count_values
from retinue.builtin.transforms.erasing import Erasing
from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.keyed import Chance
from retinue.builtin.transforms.parameters import (
    Ascending,
    Fraction,
    FractionSpan,
    NonNegative,
    Positive,
    PositiveSpan,
    Side,
)


def _be_odd(kernel: int | tuple[int, int]) -> int | tuple[int, int]:
    for side in (kernel,) if isinstance(kernel, int) else kernel:
        if side % 2 == 0:
            raise ValueError(f"odd numbers are needed, this is {side}")
    return kernel


Kernel = Annotated[Side | tuple[Side, Side], AfterValidator(_be_odd)]
Sigma = Annotated[Positive | tuple[Positive, Positive], Ascending]
Percent = Annotated[int, Interval(ge=1, le=100)]
Quality = Annotated[Percent | tuple[Percent, Percent], Ascending]


def gaussian_blur(kernel_size: Kernel, sigma: Sigma = (0.1, 2.0)) -> Guarded:
    """Blur with a Gaussian of random width.

    Args:
        kernel_size: width, or width and height, of the kernel in pixels, odd; about 6 times the greatest sigma
            holds the whole Gaussian.
        sigma: least and greatest standard deviation in pixels; a single number is fixed.
    """
    blur = v2.GaussianBlur(kernel_size, sigma)
    width, height = blur.kernel_size
    # The border is reflected, so it must be wider than half the kernel.
    smallest = (height // 2 + 1, width // 2 + 1)
    remedy = f"set a kernel_size below {max(width, height)}, or put a resize before it"
    return Guarded(Guard("gaussian-blur", smallest=smallest, remedy=remedy), blur)


def gaussian_noise(mean: float = 0.0, sigma: NonNegative = 0.1) -> Guarded:
    """Add normally distributed noise to every value, then clip.

    Args:
        mean: of the noise, where 1 is the whole range from black to white.
        sigma: standard deviation of the noise, where 1 is the whole range from black to white.
    """
    return Guarded(Guard("gaussian-noise", values="uint8"), v2.GaussianNoise(mean, sigma))


def random_adjust_sharpness(sharpness_factor: NonNegative, p: Fraction = 0.5) -> Chance:
    """Sharpen or soften at random.

    Args:
        sharpness_factor: 0 is smoothed, 1 as it is, 2 twice as sharp.
        p: probability.
    """
    return Chance(v2.RandomAdjustSharpness(sharpness_factor, p), Guard("random-adjust-sharpness", values="uint8"))


def jpeg(quality: Quality) -> Guarded:
    """Compress as JPEG and decompress.

    Args:
        quality: least and greatest, 1 to 100; a single number is fixed.
    """
    least, greatest = (quality, quality) if isinstance(quality, int) else quality
    return Guarded(Guard("jpeg", values="uint8"), Jpeg(least, greatest))


@dataclass(frozen=True)
class Jpeg:
    """v2.JPEG by way of Pillow: torchvision's own codec is going away."""

    least: int
    greatest: int

    def __call__(self, sample: Sample) -> Sample:
        image, file = sample["image"], BytesIO()
        quality = int(torch.randint(self.least, self.greatest + 1, ()))
        functional.to_pil_image(image).save(file, "JPEG", quality=quality)
        return {**sample, "image": tv_tensors.wrap(functional.pil_to_tensor(Image.open(file)), like=image)}


def random_erasing(
    p: Fraction = 0.5,
    scale: FractionSpan = (0.02, 0.33),
    ratio: PositiveSpan = (0.3, 3.3),
    value: float | list[float] | Literal["random"] = 0.0,
) -> Erasing:
    """Cover a random rectangle (Zhong et al., 2017).

    Args:
        p: probability.
        scale: least and greatest part of the picture's area.
        ratio: least and greatest height by width.
        value: what covers it: a number, one for each channel, or normally distributed noise ("random", for
            normalised pictures). 0 is black before normalize and the mean after it.
    """
    if value == "random":
        return Erasing(Guard("random-erasing", values="float"), p, scale, ratio, value=None)
    values = value if isinstance(value, list) else [value]
    return Erasing(Guard("random-erasing", channels=count_values(value)), p, scale, ratio, values)
