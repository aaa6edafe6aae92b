"""Colours and contrast. What works on pixel values takes uint8 pictures, so it stands before normalize.

Grey pictures: saturation, hue and the order of channels leave them as they are; all else acts on the one channel.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Interval
from torchvision.transforms import v2

from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.jitter import ColorJitter
from retinue.builtin.transforms.keyed import Chance, Plain
from retinue.builtin.transforms.parameters import Ascending, Fraction, NonNegative, NonNegativeSpan

Strength = Annotated[NonNegative | tuple[NonNegative, NonNegative], Ascending]
Turn = Annotated[float, Interval(ge=-0.5, le=0.5)]
HueSpan = Annotated[tuple[Turn, Turn], Ascending]
Hue = Annotated[Annotated[float, Interval(ge=0, le=0.5)] | tuple[Turn, Turn], Ascending]


def color_jitter(
    brightness: Strength = 0.0, contrast: Strength = 0.0, saturation: Strength = 0.0, hue: Hue = 0.0
) -> ColorJitter:
    """Change brightness, contrast, saturation and hue at random, in random order.

    Args:
        brightness: least and greatest factor; a single number b is max(0, 1 - b) to 1 + b, so 0 changes nothing.
        contrast: least and greatest factor; a single number c is max(0, 1 - c) to 1 + c.
        saturation: least and greatest factor; a single number s is max(0, 1 - s) to 1 + s; grey pictures stay as
            they are.
        hue: least and greatest turn of the colour circle, within -0.5 to 0.5; a single number h is -h to h; grey
            pictures stay as they are.
    """
    return ColorJitter(v2.ColorJitter(brightness, contrast, saturation, hue), Guard("color-jitter", values="uint8"))


def random_photometric_distort(
    brightness: NonNegativeSpan = (0.875, 1.125),
    contrast: NonNegativeSpan = (0.5, 1.5),
    saturation: NonNegativeSpan = (0.5, 1.5),
    hue: HueSpan = (-0.05, 0.05),
    p: Fraction = 0.5,
) -> Guarded:
    """Change brightness, contrast, saturation, hue and the order of channels (Liu et al., "SSD", 2016).

    Args:
        brightness: least and greatest factor of brightness.
        contrast: least and greatest factor of contrast.
        saturation: least and greatest factor of saturation; grey pictures stay as they are.
        hue: least and greatest turn of the colour circle, within -0.5 to 0.5; grey pictures stay as they are.
        p: probability of each of the five.
    """
    distort = v2.RandomPhotometricDistort(brightness, contrast, saturation, hue, p)
    return Guarded(Guard("random-photometric-distort", values="uint8"), distort)


def random_channel_permutation() -> v2.Transform:
    """Shuffle the channels."""
    return v2.RandomChannelPermutation()


def grayscale(channels: Literal[1, 3] = 1) -> Plain:
    """Turn to grey: 0.299 R + 0.587 G + 0.114 B.

    Args:
        channels: of the result; 3 are equal ones.
    """
    return Plain(v2.Grayscale(channels))


def random_grayscale(p: Fraction = 0.1) -> Chance:
    """Turn to grey at random; the number of channels stays.

    Args:
        p: probability.
    """
    return Chance(v2.RandomGrayscale(p))


def rgb() -> Plain:
    """Repeat the channel of a grey picture three times, for models that take RGB; RGB stays as it is."""
    return Plain(v2.RGB())


def random_equalize(p: Fraction = 0.5) -> Chance:
    """Equalise the histogram of each channel.

    Args:
        p: probability.
    """
    return Chance(v2.RandomEqualize(p), Guard("random-equalize", values="uint8"))


def random_autocontrast(p: Fraction = 0.5) -> Chance:
    """Stretch each channel so that its darkest pixel is 0 and its brightest 255.

    Args:
        p: probability.
    """
    return Chance(v2.RandomAutocontrast(p), Guard("random-autocontrast", values="uint8"))


def random_invert(p: Fraction = 0.5) -> Chance:
    """Replace every value v by 255 - v.

    Args:
        p: probability.
    """
    return Chance(v2.RandomInvert(p), Guard("random-invert", values="uint8"))


def random_posterize(bits: Annotated[int, Interval(ge=0, le=8)], p: Fraction = 0.5) -> Chance:
    """Keep only the upper bits of every value.

    Args:
        bits: kept of the eight.
        p: probability.
    """
    return Chance(v2.RandomPosterize(bits, p), Guard("random-posterize", values="uint8"))


def random_solarize(threshold: Annotated[float, Interval(ge=0, le=255)], p: Fraction = 0.5) -> Chance:
    """Invert the values from a threshold upwards.

    Args:
        threshold: the least value that is inverted, of 0 to 255.
        p: probability.
    """
    return Chance(v2.RandomSolarize(threshold, p), Guard("random-solarize", values="uint8"))
