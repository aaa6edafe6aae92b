"""What becomes of samples: by key, nested, with masks that must follow, and with mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import Batch, DataInfo, Dataset, Sample
from retinue.data.loading import Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers
from retinue.errors import DataError, SpecError
from retinue_imgaug_aug import factories

CHAIN = [
    {"use": "imgaug-aug/fliplr", "p": 0.5},
    {
        "use": "imgaug-aug/some-of",
        "n": [1, 2],
        "random_order": True,
        "children": [
            {"use": "imgaug-aug/affine", "rotate": [-20, 20]},
            {
                "use": "imgaug-aug/sometimes",
                "p": 0.5,
                "then_list": [
                    {
                        "use": "imgaug-aug/sequential",
                        "random_order": True,
                        "children": ["imgaug-aug/multiply-and-add-to-brightness", "imgaug-aug/gaussian-blur"],
                    }
                ],
            },
            {"use": "imgaug-aug/elastic-transformation", "alpha": 10, "sigma": 3},
        ],
    },
]


class Streets(Dataset):
    """One street over and over."""

    info = DataInfo(ignore_index=11)

    def __init__(self, street: Sample) -> None:
        self.street = street

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> Sample:
        return dict(self.street)


def load(street: Sample, transforms: list[Any], workers: int, epochs: int) -> list[list[Batch]]:
    named = [(transform.name, transform) for transform in transforms]
    samples = PreparedSamples(Streets(street), Preparation(named), seed=3)
    loader = Loader(samples, EpochBatches(7, 3, 0, learnt=False, drop_last=False), Workers(workers))
    return [list(loader.batches(epoch)) for epoch in range(epochs)]


def test_same_sample_same_epoch_same_picture_whatever_the_workers(build: Any, street: Sample) -> None:
    expected = load(street, build(*CHAIN, ignore_index=11), workers=0, epochs=2)
    images = torch.cat([batch["image"] for epoch in expected for batch in epoch]).flatten(1)
    # Every sample of every epoch is drawn for by itself.
    assert len(images.unique(dim=0)) == 14
    for workers in (1, 2):
        found = load(street, build(*CHAIN, ignore_index=11), workers, epochs=2)
        for ours, theirs in zip(found, expected, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert torch.equal(one["image"], other["image"])
                assert torch.equal(one["mask"], other["mask"])


def test_siblings_are_drawn_for_apart(build: Any) -> None:
    noise = {"use": "imgaug-aug/additive-gaussian-noise", "scale": 20}
    (once,) = build(noise)
    (left,) = build({"use": "imgaug-aug/sequential", "children": [noise, noise]})
    flat = {"image": tv_tensors.Image(torch.full((1, 16, 16), 128, dtype=torch.uint8))}
    torch.manual_seed(0)
    single = once(flat)["image"].double().std()
    torch.manual_seed(0)
    double = left(flat)["image"].double().std()
    # Equal draws would double the deviation, independent ones multiply it by the root of 2.
    assert 1.2 < double / single < 1.7


def test_void_is_the_data_sets_unless_the_spec_says_otherwise(build: Any, street: Sample) -> None:
    void, own, nested, none = (
        build({"use": "imgaug-aug/affine", "translate_percent": 0.5}, ignore_index=11),
        build({"use": "imgaug-aug/affine", "translate_percent": 0.5, "ignore_index": 200}, ignore_index=11),
        build(
            {
                "use": "imgaug-aug/with-polar-warping",
                "children": [{"use": "imgaug-aug/affine", "translate_percent": 0.5, "ignore_index": 200}],
            },
            ignore_index=11,
        ),
        build({"use": "imgaug-aug/affine", "translate_percent": 0.5}),
    )
    sample = street | {"mask": tv_tensors.Mask(torch.full_like(street["mask"], 3))}
    labels = [set(chain[0](sample)["mask"].unique().tolist()) for chain in (void, own, nested, none)]
    assert labels[:2] == [{3, 11}, {3, 200}]
    assert {3, 200} <= labels[2] <= {3, 11, 200}
    assert labels[3] == {3, 0}


@pytest.mark.parametrize("name", ["total-dropout", "dropout2d"])
def test_what_blackens_a_whole_picture_makes_its_mask_void(build: Any, street: Sample, name: str) -> None:
    table = {"use": f"imgaug-aug/{name}", "p": 1.0} | ({"nb_keep_channels": 0} if name == "dropout2d" else {})
    after = build(table, ignore_index=11)[0](street)
    assert not after["image"].any()
    assert (after["mask"] == 11).all()


def test_builtin_compositions_take_augmenters_but_not_the_other_way_round(build: Any, street: Sample) -> None:
    (choice,) = build({"use": "random-choice", "transforms": ["imgaug-aug/fliplr", {"use": "imgaug-aug/invert"}]})
    results = []
    for seed in range(8):
        torch.manual_seed(seed)
        results.append(choice(street)["image"])
    flipped, inverted = street["image"].flip(-1), 255 - street["image"]
    assert all(torch.equal(result, flipped) or torch.equal(result, inverted) for result in results)
    with pytest.raises(SpecError, match=r"takes augmenters of imgaug-aug alone, these are others: children\[1\]"):
        build({"use": "imgaug-aug/sequential", "children": ["imgaug-aug/fliplr", "rgb"]})


@pytest.mark.parametrize(
    ("outer", "inner", "follows"),
    [
        ({"use": "imgaug-aug/blend-alpha", "foreground": []}, "imgaug-aug/fliplr", False),
        ({"use": "imgaug-aug/with-channels", "channels": [0], "children": []}, "imgaug-aug/fliplr", False),
        ({"use": "imgaug-aug/with-brightness-channels", "children": []}, "imgaug-aug/rotate", False),
        ({"use": "imgaug-aug/blend-alpha", "foreground": []}, "imgaug-aug/add", True),
        ({"use": "imgaug-aug/with-colorspace", "to_colorspace": "HSV", "children": []}, "imgaug-aug/fliplr", True),
    ],
)
def test_masks_follow_or_the_sample_is_refused(
    build: Any, street: Sample, outer: dict[str, Any], inner: str, follows: bool
) -> None:
    key = "foreground" if "foreground" in outer else "children"
    (transform,) = build({"use": "imgaug-aug/sequential", "children": [outer | {key: [inner]}]}, ignore_index=11)
    alone = {key: value for key, value in street.items() if key != "mask"}
    assert transform(alone)["image"].shape == street["image"].shape
    if follows:
        transform(street)
        return
    with pytest.raises(DataError, match="imgaug-aug/sequential lays pixels over others that it moves"):
        transform(street)


def test_classes_of_the_mask_choose_the_pixels(build: Any, street: Sample) -> None:
    table = {
        "use": "imgaug-aug/blend-alpha-seg-map-class-ids",
        "class_ids": [1, 4],
        "foreground": ["imgaug-aug/invert"],
    }
    after = build(table)[0](street)["image"]
    chosen = torch.isin(street["mask"], torch.tensor([1, 4]))
    assert chosen.any()
    assert torch.equal(after, torch.where(chosen, 255 - street["image"], street["image"]))


IMAGE = tv_tensors.Image(torch.zeros(3, 8, 9, dtype=torch.uint8))
BOXES = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 4, 4]]), format="XYXY", canvas_size=(8, 9))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"image": IMAGE.float()}, "a.png: imgaug-aug/affine acts on uint8 pictures, and this one is float32"),
        (
            {"image": IMAGE, "mask": torch.zeros(9, 8, dtype=torch.uint8)},
            r"a mask of \(9, 8\) for a picture of \(8, 9\)",
        ),
        ({"image": IMAGE, "mask": torch.full((8, 9), -100)}, "masks with labels from 0, and this one has -100"),
        (
            {"image": IMAGE, "mask": torch.zeros(8, 9, dtype=torch.uint8)},
            "label 300, which a mask of uint8 cannot hold",
        ),
        ({"image": IMAGE, "boxes": BOXES}, "moves the picture and cannot move boxes with it"),
    ],
)
def test_samples_that_cannot_be_augmented_are_refused(build: Any, sample: Sample, message: str) -> None:
    (affine,) = build({"use": "imgaug-aug/affine", "rotate": 10, "ignore_index": 300})
    with pytest.raises(DataError, match=message):
        affine(sample | {"path": "a.png"})


def test_what_moves_nothing_leaves_boxes_alone(build: Any) -> None:
    (add,) = build({"use": "imgaug-aug/add", "value": 5})
    assert add({"image": IMAGE, "boxes": BOXES})["boxes"] is BOXES


def test_void_below_zero_is_refused_at_once(build: Any) -> None:
    with pytest.raises(SpecError, match="ignore_index is -100, and imgaug's masks have labels from 0"):
        build("imgaug-aug/affine", ignore_index=-100)


def test_factories_work_from_python(street: Sample) -> None:
    transform = factories.sequential(children=[factories.fliplr(), factories.rotate(rotate=(5, 10), ignore_index=11)])
    both = v2.Compose([transform, v2.CenterCrop(20)])(street)
    assert both["image"].shape == (3, 20, 20)
    assert both["mask"].shape == (20, 20)
