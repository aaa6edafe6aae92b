"""run.lock: who made a run, under what, and what its data held."""

import hashlib
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from retinue.errors import RunDirectoryError
from retinue.provenance import read_lock
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
    return json.loads(run.directory.lock.read_text())  # type: ignore[no-any-return]


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
    assert (found["device"], found["workers"], found["threads"]) == ("cpu", 0, torch.get_num_threads())


def test_what_the_data_held_is_read_back(train: Train) -> None:
    info = read_lock(train().directory).info
    assert info.classes == tuple(map(str, range(10)))
    assert (info.channels, info.image_size, info.ignore_index) == (1, (8, 8), None)


@pytest.mark.parametrize("content", ["", "{}", '{"data": {"classes": 3, "channels": 1}}', "[]"])
def test_a_damaged_lock_is_told(content: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"run\.lock is missing or damaged"):
        read_lock(directory)
    directory.lock.write_text(content)
    with pytest.raises(RunDirectoryError, match=r"run\.lock is missing or damaged"):
        read_lock(directory)
