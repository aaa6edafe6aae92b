"""Where in a picture lies what the model saw of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from retinue.api import DataInfo, Sample
from retinue.builtin.tasks.classification import Classification
from retinue.data.preparation import Preparation
from retinue.engine.placement import VOID, prepare_traced
from retinue.engine.prediction import Predictor
from retinue.errors import DataError


def predictor(transforms: list[Any], **sizes: Any) -> Predictor:
    task = Classification(nn.Identity(), nn.Identity(), DataInfo())
    named = [(type(transform).__name__, transform) for transform in transforms]
    return Predictor(
        task, Preparation(named), 3, **{"size": None, "prepared_size": None, **sizes}, device=torch.device("cpu")
    )


@pytest.fixture
def picture() -> Tensor:
    """Grey with a bright rectangle."""
    image = torch.full((3, 90, 120), 100, dtype=torch.uint8)
    image[:, 40:55, 50:80] = 255
    return image


@pytest.mark.parametrize(
    ("transforms", "sizes", "seen"),
    [
        ([], {}, (0, 90, 0, 120)),
        ([v2.Resize(45)], {}, (0, 90, 0, 120)),
        ([v2.Resize((300, 200))], {}, (0, 90, 0, 120)),
        ([v2.CenterCrop((60, 80))], {}, (15, 75, 20, 100)),
        ([v2.Resize(180), v2.CenterCrop(150)], {}, (8, 82, 22, 98)),
        ([v2.Pad(30)], {}, (0, 90, 0, 120)),
        ([v2.Pad(7, fill={"others": 0, torch.Tensor: 255})], {}, (0, 90, 0, 120)),
        ([v2.CenterCrop(32)], {"size": (64, 64)}, (22, 68, 30, 90)),
        ([v2.CenterCrop(60)], {"prepared_size": (120, 120)}, (15, 75, 30, 90)),
    ],
)
def test_what_the_model_saw_is_put_back_in_its_place(
    transforms: list[Any], sizes: dict[str, Any], seen: tuple[int, ...], picture: Tensor
) -> None:
    image, placement = prepare_traced(predictor(transforms, **sizes), picture)
    assert placement is not None
    placed = placement.place(image[0].float(), (90, 120))
    known = (~placed.isnan()).nonzero()
    found = [*known[:, 0].aminmax(), *known[:, 1].aminmax()]
    assert [int(found[0]), int(found[1]) + 1, int(found[2]), int(found[3]) + 1] == pytest.approx(list(seen), abs=1)
    bright = (placed > 180).nonzero()
    corners = [int(value) for column in (0, 1) for value in bright[:, column].aminmax()]
    assert corners == pytest.approx([40, 54, 50, 79], abs=2)


def test_a_mask_of_a_crop_lies_to_the_pixel_and_the_rest_is_void(picture: Tensor) -> None:
    image, placement = prepare_traced(predictor([v2.CenterCrop((59, 81))]), picture)
    assert placement is not None
    placed = placement.place(image[0].as_subclass(Tensor), (90, 120))
    assert (placed == picture[0]).sum() == 59 * 81
    assert (placed == VOID).sum() == 90 * 120 - 59 * 81 + (picture[0] == VOID).sum()


@pytest.mark.parametrize("size", [(1, 1), (3, 4097), (5000, 2)])
@pytest.mark.parametrize("transforms", [[], [v2.Resize((70, 31))], [v2.Resize((10001, 9))]])
def test_a_mask_of_the_whole_picture_leaves_nothing_out(size: tuple[int, int], transforms: list[Any]) -> None:
    image, placement = prepare_traced(predictor(transforms), torch.zeros(3, *size, dtype=torch.uint8))
    assert placement is not None
    assert not placement.place(image[0].as_subclass(Tensor), size).any()


def test_one_pixel_that_stands_for_all_lies_over_all(picture: Tensor) -> None:
    # torch cannot shrink bytes to one pixel.
    transforms = [v2.ToDtype(torch.float32, scale=True), v2.Resize((1, 1))]
    _, placement = prepare_traced(predictor(transforms), picture)
    assert placement is not None
    assert placement.place(torch.ones(1, 1), (90, 120)).eq(1).all()


def rotate_picture_alone(sample: Sample) -> Sample:
    return {**sample, "image": sample["image"].rot90(1, (1, 2))}


def refuse_masks(sample: Sample) -> Sample:
    if "mask" in sample:
        raise ValueError("no masks here")
    return sample


@pytest.mark.parametrize(
    "transform", [v2.RandomHorizontalFlip(1), v2.RandomRotation((45, 45)), rotate_picture_alone, refuse_masks]
)
def test_what_is_turned_or_bent_has_no_place(transform: Any, picture: Tensor) -> None:
    image, placement = prepare_traced(predictor([transform]), picture)
    assert placement is None
    assert image.shape[0] == 3


def test_a_transform_that_fails_says_so(picture: Tensor) -> None:
    def fail(sample: Sample) -> Sample:
        raise ValueError("too dark")

    with pytest.raises(DataError, match="too dark"):
        prepare_traced(predictor([fail]), picture)
