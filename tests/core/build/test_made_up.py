"""Samples that `check --fake` makes up where the data of a spec is not on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retinue.build.inspection import inspect_run
from retinue.errors import RetinueError
from retinue.plan import Plan

MakePlan = Callable[..., Plan]

FOLDERS = ["data.train={use='image-folder',root='absent'}", "data.val={use='image-folder',root='absent'}"]
MASKS = "{use='mask-folder',images='absent',masks='absent',classes=['cell','gap'],channels=1}"

BOXES = """
from retinue.api import DataInfo, Dataset, Output, Task
from retinue.hooks import hookimpl

class Boxes(Task):
    default_loss, default_metrics = "mse", {}
    def forward(self, batch): raise NotImplementedError
    def predict(self, image): raise NotImplementedError

class Lazy(Dataset):
    def __init__(self):
        self.info = DataInfo(classes=("a", "b"))
    def __len__(self): return 5
    def __getitem__(self, index):
        with open("absent.png"): raise NotImplementedError

@hookimpl
def retinue_tasks(register): register("boxes", Boxes, summary="-")

@hookimpl
def retinue_datasets(register): register("lazy", Lazy, summary="-")
"""


def test_what_nothing_says_is_assumed_and_told(plan: MakePlan, tmp_path: Path) -> None:
    found = inspect_run(plan(FOLDERS), fake=True)
    assert str(tmp_path / "absent") in found["data.train"]
    assert found["data.train"].endswith("10 (assumed), channels: 3 (data.train.channels), size: 480 x 640 (assumed)")
    assert found["data.val"] == "made up as data.train is"
    assert (found["sample image"][:30], found["output"]) == ("3 x 480 x 640, uint8 from 0 to", "64 x 10")
    assert not {"train samples", "val samples", "steps", "steps in an epoch"} & found.keys()


@pytest.mark.parametrize(
    ("overrides", "says", "output"),
    [
        ([*FOLDERS, "model.num_classes=7"], "classes: 7 (model.num_classes)", "64 x 7"),
        ([*FOLDERS, "data.train.classes=['cat','dog']"], "classes: 2 (data.train.classes)", "64 x 2"),
        (["data.train={use='mnist',root='absent',part='train'}", "~data.val"], "size: 28 x 28 (mnist)", "64 x 10"),
        (
            ["data.train={use='cifar100',root='absent',part='train'}", "~data.val"],
            "classes: 100 (cifar100)",
            "64 x 100",
        ),
    ],
    ids=["model", "classes", "mnist", "cifar100"],
)
def test_what_the_spec_or_the_data_set_says_is_taken(
    overrides: list[str], says: str, output: str, plan: MakePlan
) -> None:
    found = inspect_run(plan(overrides), fake=True)
    assert says in found["data.train"]
    assert found["output"] == output


@pytest.mark.parametrize(
    ("overrides", "sample"),
    [
        (FOLDERS, {"label": "0 (int)"}),
        ([*FOLDERS, "task='multilabel'"], {"label": "10, float32 from 0 to 1"}),
        ([*FOLDERS, "task='regression'", "model.num_classes=1"], {"target": "1, float32 from "}),
        (
            ["task='segmentation'", "model={use='unet',width=4}", f"data.train={MASKS}", f"data.val={MASKS}"],
            {"mask": "480 x 640, uint8 from 0 to 1"},
        ),
    ],
    ids=["classification", "multilabel", "regression", "segmentation"],
)
def test_samples_fit_the_task(overrides: list[str], sample: dict[str, str], plan: MakePlan) -> None:
    found = inspect_run(plan([*overrides, "data.batch_size=2"]), fake=True)
    for key, value in sample.items():
        assert found[f"sample {key}"].startswith(value)


def test_absent_validation_data_is_like_the_training_data_that_is_there(plan: MakePlan) -> None:
    found = inspect_run(plan(["data.train={use='digits'}", FOLDERS[1]]), fake=True)
    assert (found["train samples"], found["steps in an epoch"]) == (1797, 29)
    assert "data.train" not in found
    assert found["data.val"].startswith("made up because ")


def test_data_that_is_there_is_taken(plan: MakePlan) -> None:
    assert inspect_run(plan(), fake=True) == inspect_run(plan())


def test_mistakes_in_the_rest_are_found(plan: MakePlan) -> None:
    with pytest.raises(RetinueError, match=r"resnet18|4 channels") as caught:
        inspect_run(plan([*FOLDERS, "model={use='resnet18',in_channels=4}"]), fake=True)
    assert "a made-up sample (3 x 480 x 640, uint8)" in str(caught.value)
    with pytest.raises(RetinueError, match="crop"):
        inspect_run(plan([*FOLDERS, "data.train.transforms=[{use='random-crop',size=2000}]"]), fake=True)
    with pytest.raises(RetinueError, match="values has 1 entries"):
        inspect_run(plan([f"data.train={MASKS[:-1]},values=[0]}}", f"data.val={MASKS}"]), fake=True)


def test_data_set_whose_samples_are_absent(plan: MakePlan, local_plugin: Callable[[str], None]) -> None:
    local_plugin(BOXES)
    overrides: list[Any] = ["data.train=lazy", "~data.val"]
    found = inspect_run(plan(overrides), fake=True)
    assert "absent.png" in found["data.train"]
    with pytest.raises(OSError, match=r"absent\.png"):
        inspect_run(plan(overrides))


def test_task_of_a_plugin_is_refused_in_a_sentence(plan: MakePlan, local_plugin: Callable[[str], None]) -> None:
    local_plugin(BOXES)
    with pytest.raises(RetinueError, match=r'made up for the tasks builtin/classification, .* not for "vision/boxes"'):
        inspect_run(plan([*FOLDERS, "task=boxes"]), fake=True)
