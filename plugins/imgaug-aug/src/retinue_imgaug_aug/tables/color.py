"""Augmenters that change colours."""

from __future__ import annotations

from retinue_imgaug_aug.notation import chance, children, flag, number, option, probability, whole, word
from retinue_imgaug_aug.tables.row import Row
from retinue_imgaug_aug.tables.shared import COLORSPACES, FROM_COLORSPACE, INTERPOLATION, MAX_SIZE, PER_CHANNEL

BRIGHTNESS = option("colour space whose brightness it is", "YCrCb", "HSV", "HLS", "Lab", "Luv", "YUV")
QUANTIZED = {
    "from_colorspace": FROM_COLORSPACE,
    "to_colorspace": option("colour space to reduce in; the picture's own unless given", *COLORSPACES),
    "max_size": MAX_SIZE,
    "interpolation": INTERPOLATION,
}
BITS = {"nb_bits": whole("bits that are kept", 1, 8), **QUANTIZED}
COLORS = {"n_colors": whole("number of colours", 2, 256), **QUANTIZED}
MUL = number("factor of the brightness")
ADD = number("what is added to the brightness")

ROWS = {
    "with-colorspace": Row(
        {
            "to_colorspace": word("colour space that the children see", *COLORSPACES),
            "from_colorspace": FROM_COLORSPACE,
            "children": children("augmenters to apply there"),
        },
        rgb=True,
    ),
    "with-brightness-channels": Row(
        {
            "children": children("augmenters to apply to the brightness"),
            "to_colorspace": BRIGHTNESS,
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
        mixes=True,
    ),
    "multiply-and-add-to-brightness": Row(
        {
            "mul": MUL,
            "add": ADD,
            "to_colorspace": BRIGHTNESS,
            "from_colorspace": FROM_COLORSPACE,
            "random_order": flag("whether at times it adds first"),
        },
        rgb=True,
    ),
    "multiply-brightness": Row({"mul": MUL, "to_colorspace": BRIGHTNESS, "from_colorspace": FROM_COLORSPACE}, rgb=True),
    "add-to-brightness": Row({"add": ADD, "to_colorspace": BRIGHTNESS, "from_colorspace": FROM_COLORSPACE}, rgb=True),
    "with-hue-and-saturation": Row(
        {
            "children": children("augmenters to apply to the two channels, hue and saturation, each 0 to 255"),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
        mixes=True,
    ),
    "multiply-hue-and-saturation": Row(
        {
            "mul": number("factor of both, in place of the two below", -10, 10),
            "mul_hue": number("factor of the hue", -10, 10),
            "mul_saturation": number("factor of the saturation", 0, 10),
            "per_channel": PER_CHANNEL,
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
    "multiply-hue": Row({"mul": number("factor of the hue", -10, 10), "from_colorspace": FROM_COLORSPACE}, rgb=True),
    "multiply-saturation": Row(
        {"mul": number("factor of the saturation", 0, 10), "from_colorspace": FROM_COLORSPACE}, rgb=True
    ),
    "remove-saturation": Row(
        {"mul": probability("part of the saturation that is taken away"), "from_colorspace": FROM_COLORSPACE}, rgb=True
    ),
    "add-to-hue-and-saturation": Row(
        {
            "value": whole("what is added to both, in place of the two below", -255, 255),
            "value_hue": whole("what is added to the hue", -255, 255),
            "value_saturation": whole("what is added to the saturation", -255, 255),
            "per_channel": chance("probability that value is drawn for hue and saturation each by itself"),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
    "add-to-hue": Row({"value": whole("what is added", -255, 255), "from_colorspace": FROM_COLORSPACE}, rgb=True),
    "add-to-saturation": Row(
        {"value": whole("what is added", -255, 255), "from_colorspace": FROM_COLORSPACE}, rgb=True
    ),
    "change-color-temperature": Row(
        {
            "kelvin": number("temperature: 1000 is reddish, 11000 bluish", 1000, 40000),
            "from_colorspace": FROM_COLORSPACE,
        },
        rgb=True,
    ),
    "change-colorspace": Row(
        {
            "to_colorspace": option("colour space of the result", *COLORSPACES, "GRAY"),
            "from_colorspace": FROM_COLORSPACE,
            "alpha": number("share of the result, the rest is the picture as it was", 0, 1),
        },
        rgb=True,
    ),
    "grayscale": Row({"alpha": number("share of the grey", 0, 1), "from_colorspace": FROM_COLORSPACE}, rgb=True),
    "kmeans-color-quantization": Row(COLORS),
    "uniform-color-quantization": Row(COLORS),
    "uniform-color-quantization-to-n-bits": Row(BITS),
    "posterize": Row(BITS),
}
