"""A label that is none of the classes, in a data set that does not say its labels beforehand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retinue.errors import DataError
from retinue.run import SavedRun, evaluate

Train = Callable[..., SavedRun]

WRONG = """
from typing import Literal
import torch
from torchvision import tv_tensors
from retinue.api import DataInfo, Dataset
from retinue.hooks import hookimpl

class Wrong(Dataset):
    in_memory = True
    def __init__(self, wrong: int, value: int = 7, key: Literal["label", "mask"] = "label", files: bool = False):
        self.wrong, self.value, self.key, self.files = wrong, value, key, files
        self.info = DataInfo(classes=("a", "b", "c"), channels=1, ignore_index=255 if key == "mask" else None)
    def __len__(self): return 40
    def __getitem__(self, index):
        label = self.value if index == self.wrong else index % 3
        mask = torch.full((8, 8), label, dtype=torch.uint8)
        mask[0, 0] = 255
        path = {"path": f"{index}.png"} if self.files else {}
        answer = {"label": label} if self.key == "label" else {"mask": tv_tensors.Mask(mask)}
        return {"image": tv_tensors.Image(torch.zeros(1, 8, 8, dtype=torch.uint8)), **answer, **path}

@hookimpl
def retinue_datasets(register): register("wrong", Wrong, summary="-")
"""

RIGHT: dict[str, Any] = {"use": "wrong", "wrong": -1}
SEGMENTATION: dict[str, Any] = {"task": "segmentation", "model": {"use": "unet", "width": 4}}


def sections(train: dict[str, Any], val: dict[str, Any]) -> dict[str, Any]:
    return {"data.batch_size": 8, "data.train": RIGHT | train, "data.val": RIGHT | val}


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (sections({"wrong": 33}, {}), r"^sample 33 has the label 7; the data set has 3 classes, so .* from 0 to 2\n"),
        (sections({"wrong": 33, "files": True}, {}), r"^33\.png has the label 7; "),
        (sections({"wrong": 33, "value": -1}, {}), "^sample 33 has the label -1; "),
        (sections({}, {"wrong": 21}), "^sample 21 has the label 7; "),
        (sections({"wrong": 0}, {}), "^the first sample of data.train has the label 7; "),
        (sections({}, {"wrong": 0}), "^the first sample of data.val has the label 7; "),
        (
            sections({"wrong": 33, "key": "mask"}, {"key": "mask"}) | SEGMENTATION,
            r"^sample 33 has a mask with the value 7; .* from 0 to 2, or are 255, which is ignored\n",
        ),
        (sections({"wrong": 33}, {}) | {"data.train.transforms": [{"use": "mixup"}]}, "^sample 33 has the label 7; "),
    ],
    ids=["train", "file", "negative", "val", "first-of-train", "first-of-val", "mask", "mixup"],
)
def test_it_is_named_with_its_sample(
    overrides: dict[str, Any], says: str, train: Train, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(WRONG)
    with pytest.raises(DataError, match=says) as caught:
        train(overrides)
    assert caught.value.exit_code == 2


def test_evaluation_names_it_too(train: Train, local_plugin: Callable[[str], None], tmp_path: Path) -> None:
    local_plugin(WRONG)
    train(sections({}, {}))
    with pytest.raises(DataError, match=r"^sample 21 has the label 7; "):
        evaluate(tmp_path / "run", overrides={"data.val.wrong": 21})


def test_another_fault_is_not_blamed_on_labels(train: Train, local_plugin: Callable[[str], None]) -> None:
    local_plugin(WRONG + FAULTY)
    with pytest.raises(IndexError, match="something else"):
        train(sections({}, {}) | {"model": "faulty"})


FAULTY = """
from torch import nn

class Faulty(nn.Linear):
    def __init__(self, num_classes: int) -> None:
        super().__init__(1, num_classes)
    def forward(self, x):
        if self.training:
            raise IndexError("something else")
        return super().forward(x.mean((2, 3)))

@hookimpl
def retinue_models(register): register("faulty", Faulty, summary="-")
"""
