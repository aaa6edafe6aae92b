"""The data of a run, from real specs."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retinue.api import DataInfo
from retinue.build import Builder, build_section, check_agreement
from retinue.errors import DataError, SpecError

SPLIT = {"data.train.split.fraction": 0.5, "data.val.split.fraction": 0.5}

NUMBERED = """
import torch
from torchvision import tv_tensors
from retinue.api import DataInfo, Dataset
from retinue.hooks import hookimpl

class Numbered(Dataset):
    in_memory = True
    def __init__(self, labels: list[int], ignore_index: int | None = None, given: list[int] | None = None) -> None:
        self.given, self.labels = given or labels, labels
        self.info = DataInfo(classes=("a", "b", "c"), channels=1, image_size=(2, 2), ignore_index=ignore_index)
    def __len__(self): return len(self.labels)
    def __getitem__(self, index):
        return {"image": tv_tensors.Image(torch.zeros(1, 2, 2, dtype=torch.uint8)), "label": self.given[index]}

@hookimpl
def retinue_datasets(register): register("numbered", Numbered, summary="-")
"""


def folders(train: Path, val: Path | None = None) -> list[str]:
    """Overrides that put folders in the digits' place."""
    base = ["data.train.use=image-folder", f"data.train.root={train}", "~data.train.split"]
    if val is None:
        return [*base, "~data.val"]
    return [*base, "data.val.use=image-folder", f"data.val.root={val}", "~data.val.split"]


def test_the_two_parts_of_a_split_have_no_sample_in_common(plan) -> None:
    builder = Builder(plan(SPLIT))
    train, val = build_section(builder, "train").dataset, build_section(builder, "val").dataset
    assert len(train) + len(val) == 1797
    assert set(train.indices).isdisjoint(val.indices)


def test_class_counts_are_those_of_the_part_that_trains(plan) -> None:
    builder = Builder(plan(SPLIT))
    train = build_section(builder, "train").dataset
    assert builder.facts["class_counts"] == [train.labels.count(digit) for digit in range(10)]
    assert sum(builder.facts["class_counts"]) == len(train)
    build_section(builder, "val")
    assert sum(builder.facts["class_counts"]) == len(train)


def test_inverse_class_weights_come_from_the_data(build, folder) -> None:
    trainer, builder = build([*folders(folder("train", a=6, b=2)), "loss.use=cross-entropy", "loss.weight=inverse"])
    assert builder.filled[("loss", "class_counts")] == [6, 2]
    assert trainer.run.task.loss.weight.tolist() == pytest.approx([8 / 12, 8 / 4])


def test_the_counts_leave_out_what_is_ignored(plan, local_plugin) -> None:
    local_plugin(NUMBERED)
    use = ["data.train.use=vision/numbered", "data.train.labels=[0,2,255,2,0,2]", "data.train.ignore_index=255"]
    builder = Builder(plan([*use, "~data.train.split", "~data.val"]))
    build_section(builder, "train")
    assert builder.facts["class_counts"] == [2, 0, 3]
    assert builder.facts["ignore_index"] == 255


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_that_is_no_class_is_refused_before_training(label: int, plan, local_plugin) -> None:
    local_plugin(NUMBERED)
    use = ["data.train.use=vision/numbered", f"data.train.labels=[0,1,{label}]", "~data.train.split", "~data.val"]
    with pytest.raises(DataError, match=rf"^data\.train: sample 2 has the label {label}; .* go from 0 to 2$"):
        build_section(Builder(plan(use)), "train")


GIVEN = """
import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from retinue.api import DataInfo, Dataset
from retinue.hooks import hookimpl

PIXELS = torch.zeros(3, 8, 8, dtype=torch.uint8)
IMAGE = tv_tensors.Image(PIXELS)
GIVEN = {
    "tensor": {"image": PIXELS, "label": 0},
    "float": {"image": tv_tensors.Image(PIXELS.float()), "label": 0},
    "pillow": {"image": Image.new("RGB", (8, 8)), "label": 0},
    "array": {"image": np.zeros((8, 8, 3)), "label": 0},
    "nothing": {"label": 0},
    "tuple": (IMAGE, 0),
    "mask": {"image": IMAGE, "mask": torch.zeros(8, 8)},
    "channels": {"image": tv_tensors.Image(PIXELS.repeat(2, 1, 1)[:4]), "label": 0},
    "size": {"image": tv_tensors.Image(PIXELS[:, 2:]), "label": 0},
}

class Given(Dataset):
    info = DataInfo(classes=("a", "b"), image_size=(8, 8))
    def __init__(self, what: str) -> None:
        self.what = what
    def __len__(self): return 4
    def __getitem__(self, index): return GIVEN[self.what]

@hookimpl
def retinue_datasets(register): register("given", Given, summary="-")
"""


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("tensor", r"`image` is a torch.Tensor [3, 8, 8], uint8: give `image` as a tv_tensors.Image, uint8, C x H x W"),
        ("float", "`image` is a torchvision.Image [3, 8, 8], float32: give"),
        ("pillow", "`image` is a PIL.Image: give"),
        ("array", "`image` is a numpy.ndarray: give"),
        ("nothing", "`image` is missing: give"),
        ("tuple", 'a sample is a tuple: give a dict, such as {"image": image, "label": label}'),
        ("mask", "`mask` is a torch.Tensor [8, 8], float32: give `mask` as a tv_tensors.Mask, uint8 or int64"),
        ("channels", "a picture is [4, 8, 8] and `info` says channels = 3, image_size = (8, 8): make them agree"),
        ("size", "a picture is [3, 6, 8] and `info` says channels = 3, image_size = (8, 8): make them agree"),
    ],
)
@pytest.mark.parametrize("section", ["train", "val", "test"])
def test_what_no_run_can_take_is_refused_by_the_first_sample(
    what: str, says: str, section: str, plan, local_plugin
) -> None:
    local_plugin(GIVEN)
    table = {"use": "vision/given", "what": what}
    message = rf"^data\.{section}, dataset vision/given \(local file .*\): {re.escape(says)}"
    planned = plan({"data": {"train": "digits", "val": "digits", section: table}})
    with pytest.raises(DataError, match=message):
        build_section(Builder(planned), section)


def test_an_empty_data_set_is_refused(plan, local_plugin) -> None:
    local_plugin(NUMBERED)
    overrides = ["data.train.use=vision/numbered", "data.train.labels=[]", "~data.train.split", "~data.val"]
    with pytest.raises(DataError, match=r"^data\.train has no samples$"):
        build_section(Builder(plan(overrides)), "train")


def test_drop_last_that_leaves_nothing_is_refused(build) -> None:
    message = r"^data\.batch_size is 2000, of 1438 samples drop_last leaves none$"
    with pytest.raises(DataError, match=message):
        build({"data.batch_size": 2000, "data.drop_last": True})
    trainer, _ = build({"data.batch_size": 2000})
    assert len(trainer.train) == 1


def test_drop_last_leaves_validation_whole(build) -> None:
    trainer, _ = build({"data.drop_last": True})
    assert trainer.train.order.drop_last
    assert sum(len(batch["label"]) for batch in trainer.val.batches(0)) == 359


def test_validation_is_not_shuffled(build) -> None:
    trainer, _ = build()
    labels = [label for batch in trainer.val.batches(0) for label in batch["label"].tolist()]
    assert labels == list(trainer.val.samples.dataset.labels)


@pytest.mark.parametrize(
    ("overrides", "section"),
    [
        ({"data.train.transforms": ["mixup", "random-horizontal-flip"]}, "train"),
        ({"data.val.transforms": ["mixup"]}, "val"),
        ({"data.val.transforms": [{"use": "random-apply", "transforms": ["cutmix"]}]}, "val"),
    ],
    ids=["not last", "in validation", "nested"],
)
def test_what_mixes_batches_is_last_and_only_in_training(overrides: dict[str, Any], section: str, build) -> None:
    message = rf"^data\.{section}\.transforms: .* mixes whole batches: only in data\.train, after all others$"
    with pytest.raises(DataError, match=message):
        build(overrides)


def test_what_mixes_batches_acts_on_batches(build) -> None:
    trainer, _ = build({"data.train.transforms": ["random-horizontal-flip", "mixup", "cutmix"]})
    assert len(trainer.mixing) == 2
    assert len(trainer.train.samples.preparation.transforms) == 1


@pytest.mark.parametrize(
    ("overrides", "paths"),
    [
        ({}, ("batched", "batched")),
        ({"data.val.transforms": ["clahe"]}, ("batched", "streamed")),
        (
            {"data.train.transforms": [{"use": "random-apply", "transforms": ["random-invert"]}]},
            ("streamed", "batched"),
        ),
        ({"data.workers": 0}, ("batched", "batched")),
        ({"data.workers": 1}, ("streamed", "streamed")),
        ({"data.workers": 1, "data.path": "batched"}, ("batched", "batched")),
        ({"data.path": "streamed"}, ("streamed", "streamed")),
        ({"data.train": "fake", "data.val": "fake"}, ("streamed", "streamed")),
    ],
)
def test_batches_are_made_at_once_where_they_can_be(
    overrides: dict[str, Any], paths: tuple[str, str], build, caplog
) -> None:
    caplog.set_level(logging.INFO, "retinue")
    trainer, _ = build(overrides)
    assert (trainer.train.path, trainer.val.path) == paths
    assert f"data.train: {paths[0]} path, " in caplog.text


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"data.val.transforms": ["clahe", {"use": "jpeg", "quality": 3}]}, "there is no batch form of clahe, jpeg"),
        ({"data.train": "fake", "data.val": "fake"}, "the data set has no tensors in memory"),
    ],
)
def test_what_cannot_be_batched_is_told(overrides: dict[str, Any], reason: str, build) -> None:
    with pytest.raises(SpecError, match=rf'data.(train|val) cannot be batched: {reason}; data.path = "auto"'):
        build({**overrides, "data.path": "batched"})


def test_classes_that_differ_are_named(build, folder) -> None:
    train, val = folder("train", ant=2, bee=2, wasp=2), folder("val", ant=2, bee=2)
    message = r"^data\.train and data\.val differ in their classes \(wasp\): name them by `classes`$"
    with pytest.raises(DataError, match=message):
        build(folders(train, val))
    named = [f'data.{name}.classes=["ant","bee","wasp"]' for name in ("train", "val")]
    build([*folders(train, val), *named])


def test_classes_in_another_order_are_refused() -> None:
    one, other = DataInfo(classes=("a", "b")), DataInfo(classes=("b", "a"))
    with pytest.raises(DataError, match=r"data\.test differ in their classes \(their order\)"):
        check_agreement(one, other, "test")
    check_agreement(one, one, "test")
    check_agreement(one, DataInfo(), "test")


def test_what_validation_data_says_of_itself_does_not_reach_the_model(build, local_plugin) -> None:
    local_plugin(NUMBERED)
    train = ["data.train.use=vision/numbered", "data.train.labels=[0,1,2,0]", "~data.train.split"]
    val = ["data.val.use=vision/numbered", "data.val.labels=[0,1]", "data.val.ignore_index=7", "~data.val.split"]
    _, builder = build([*train, *val])
    assert "ignore_index" not in builder.facts
    assert builder.facts["class_counts"] == [2, 1, 1]


def test_the_model_is_made_for_the_pictures_that_reach_it(build) -> None:
    """After the transforms, not as they lie on the disk."""
    transforms = [{"use": "resize", "size": [10, 6]}, "rgb"]
    trainer, builder = build({"data.train.transforms": transforms, "data.val.transforms": transforms})
    assert builder.filled[("model", "in_channels")] == 3
    assert builder.filled[("model", "image_size")] == (10, 6)
    first = next(module for module in trainer.run.task.model.modules() if isinstance(module, nn.Linear))
    assert first.in_features == 3 * 10 * 6
    assert trainer.run.example["image"].shape == (1, 3, 10, 6)


def test_a_transform_that_takes_the_picture_away_is_told(build, local_plugin) -> None:
    local_plugin(
        "from retinue.hooks import hookimpl\n"
        "def strip(): return lambda sample: {'label': sample['label']}\n"
        "@hookimpl\n"
        "def retinue_transforms(register): register('strip', strip, summary='-')\n"
    )
    with pytest.raises(DataError, match=r"needs an `image` of channels x height x width; it has \['label'\]"):
        build({"data.train.transforms": ["vision/strip"]})


def test_building_draws_nothing_from_the_programs_generators(build) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build({"data.train.transforms": ["random-horizontal-flip"], "model.dropout": 0.5})
    assert torch.equal(torch.rand(3), expected)
