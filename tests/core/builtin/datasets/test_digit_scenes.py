"""Scenes of digits: their own masks, and another handwriting in each part."""

from __future__ import annotations

import torch

from retinue.builtin.datasets.digit_scenes import DigitScenes


def test_ink_is_labelled_and_the_rest_is_background() -> None:
    scenes = DigitScenes("train", samples=50)
    found = set()
    for scene in scenes:
        image, mask = scene["image"][0], scene["mask"]
        assert image.shape == mask.shape == (64, 64)
        assert torch.equal(mask > 0, image >= 48)
        found |= set(mask.unique().tolist())
    assert found == set(range(11))


def test_a_scene_is_always_the_same() -> None:
    one, two = DigitScenes("val", samples=3), DigitScenes("val", samples=9)
    assert torch.equal(one[2]["image"], two[2]["image"])
    assert not torch.equal(one[2]["image"], DigitScenes("val", samples=3, seed=1)[2]["image"])


def test_parts_draw_on_different_digits() -> None:
    train, val = DigitScenes("train"), DigitScenes("val")
    assert not set(train.available) & set(val.available)
    assert len(train.available) + len(val.available) == 1797


def test_small_pictures_hold_what_there_is_room_for() -> None:
    mask = DigitScenes("train", size=(16, 16), most=9)[0]["mask"]
    assert len(mask.unique()) == 2
