"""Augmenters made of augmenters."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, MinLen

from retinue_imgaug_aug.notation import chance, children, flag, give_drawn, number, plain, whole
from retinue_imgaug_aug.tables.row import Row

HOW_MANY = whole("how many are applied, all unless given", 0, give=give_drawn)
RANDOM_ORDER = flag("apply them in random order")
Channels = Annotated[list[Annotated[int, Ge(0)]], MinLen(1)]

ROWS = {
    "sequential": Row({"children": children("augmenters, applied one after another"), "random_order": RANDOM_ORDER}),
    "some-of": Row({"n": HOW_MANY, "children": children("augmenters to choose from"), "random_order": RANDOM_ORDER}),
    "one-of": Row({"children": children("augmenters to choose from")}),
    "sometimes": Row(
        {
            "p": chance("probability of then_list"),
            "then_list": children("augmenters that are applied then"),
            "else_list": children("augmenters that are applied otherwise", None),
        }
    ),
    "with-channels": Row(
        {
            "channels": plain(Channels | None, "channels that the children see, from 0; all unless given"),
            "children": children("augmenters to apply to them"),
        },
        mixes=True,
    ),
    "channel-shuffle": Row(
        {
            "p": chance("probability"),
            "channels": plain(Channels | None, "channels that are shuffled, from 0; all unless given"),
        }
    ),
    "identity": Row(),
    "rand-augment": Row(
        {
            "n": HOW_MANY,
            "m": whole("strength", 0, 30),
            "cval": number("value of what it brings in", 0, 255),
        },
        moves=True,
        fills=True,
    ),
}
