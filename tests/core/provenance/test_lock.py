"""run.lock: who made a run, under what, and what its data held."""

import hashlib
import platform
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from retinue.api import DataInfo, Dataset, Sample
from retinue.data.splitting import Part
from retinue.errors import RunDirectoryError
from retinue.provenance import describe_data, read_learnt_from, read_lock
from retinue.run import SavedRun
from retinue.rundir import RunDirectory

Train = Callable[..., SavedRun]

PLUGIN = """
from torch import nn
from retinue.hooks import hookimpl

def flat(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))

@hookimpl
def retinue_models(register): register("flat", flat, summary="linear")
"""


def lock(run: SavedRun) -> dict[str, Any]:
    return read_lock(run.directory)


def test_every_component_is_there_with_who_gave_it(train: Train) -> None:
    terms = [{"loss": "cross-entropy"}, {"loss": "focal"}]
    nested = {"use": "random-apply", "transforms": ["random-horizontal-flip"]}
    run = train({"loss": {"use": "sum", "terms": terms}, "data.train.transforms": [nested], "scheduler.use": "cosine"})
    components = lock(run)["components"]
    assert {(c["kind"], c["name"]) for c in components} == {
        ("dataset", "builtin/digits"),
        ("loss", "builtin/cross-entropy"),
        ("loss", "builtin/focal"),
        ("loss", "builtin/sum"),
        ("metric", "builtin/accuracy"),
        ("model", "builtin/mlp"),
        ("optimizer", "builtin/sgd"),
        ("scheduler", "builtin/cosine"),
        ("task", "builtin/classification"),
        ("transform", "builtin/random-apply"),
        ("transform", "builtin/random-horizontal-flip"),
    }
    for component in components:
        assert (component["distribution"], component["version"]) == ("retinue", version("retinue"))
        assert len(component["sha256"]) == 64


def test_a_file_of_ones_own_is_known_by_its_content(train: Train, local_plugin: Callable[[str], None]) -> None:
    local_plugin(PLUGIN)
    run = train(["model.use=flat"])
    found = next(c for c in lock(run)["components"] if c["kind"] == "model")
    assert found["name"] == "vision/flat"
    assert found["sha256"] == hashlib.sha256(PLUGIN.encode()).hexdigest()


def test_what_it_ran_under_is_there(train: Train) -> None:
    found = lock(train())
    assert found["lock"] == 1
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__
    assert found["retinue"] == version("retinue")
    assert found["decoder"] == f"pillow {version('pillow')}"
    assert found["jpeg_decoder"] == f"simplejpeg {version('simplejpeg')}"
    assert found["numpy"] == version("numpy")
    assert (found["device"], found["workers"], found["threads"]) == ("cpu", 0, torch.get_num_threads())
    assert found["paths"] == {"train": "batched", "val": "batched"}
    assert abs(datetime.fromisoformat(found["started"]).timestamp() - time.time()) < 600


def test_what_the_data_held_is_read_back(train: Train) -> None:
    info = read_learnt_from(train().directory).info
    assert info.classes == tuple(map(str, range(10)))
    assert (info.channels, info.image_size, info.ignore_index) == (1, (8, 8), None)


@pytest.mark.parametrize("content", ["", "{}", '{"data": {"classes": 3, "channels": 1}}', "[]"])
def test_a_damaged_lock_is_told(content: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"run\.lock is missing or damaged"):
        read_learnt_from(directory)
    directory.lock.write_text(content)
    with pytest.raises(RunDirectoryError, match=r"run\.lock is missing or damaged"):
        read_learnt_from(directory)


def test_each_section_has_its_samples_and_a_fingerprint(train: Train) -> None:
    data, again = lock(train())["data"], lock(train(out="again"))["data"]
    assert (data["train"]["samples"], data["val"]["samples"]) == (1438, 359)
    assert data["train"]["fingerprint"] != data["val"]["fingerprint"]
    assert again == data
    assert "val" not in lock(train(["~data.val"], out="alone"))["data"]


class Held(Dataset):
    """Samples that nobody asks for."""

    def __init__(self, labels: list[int] | None, content: str = "", classes: tuple[str, ...] = ("a", "b")) -> None:
        self.info, self.labels, self.content = DataInfo(classes=classes), labels, content

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        raise AssertionError("a picture was asked for")

    def fingerprint(self) -> str:
        return self.content


def test_a_fingerprint_knows_labels_classes_content_and_part() -> None:
    whole = Held([0, 1, 1])
    others = [
        Held([0, 1, 0]),
        Held(None),
        Held([0, 1, 1], "files"),
        Held([0, 1, 1], classes=("b", "a")),
        Part(whole, [0, 1]),
        Part(whole, [0, 2]),
        Part(Held([0, 1, 1], "files"), [0, 2]),
    ]
    found = [describe_data(dataset)["fingerprint"] for dataset in (whole, *others)]
    assert len(set(found)) == len(found)
    assert describe_data(Held([0, 1, 1])) == describe_data(whole)
