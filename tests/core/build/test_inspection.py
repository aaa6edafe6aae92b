"""What `check` finds out about a run: shapes, costs, and what does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet50

from retinue.build.inspection import inspect_run
from retinue.errors import RetinueError
from retinue.plan import Plan

MakePlan = Callable[..., Plan]

LARGE = [
    "model=torchvision/resnet50",
    "data.batch_size=8",
    *(f'data.{name}.transforms=["rgb",{{use="resize",size=224}}]' for name in ("train", "val")),
]

HIDDEN = """
from torch import nn
from retinue.hooks import hookimpl

class Chooser(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x

class Hidden(nn.Module):
    def __init__(self, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.chooser = Chooser()
        self.head = nn.Linear(image_size[0] * image_size[1], num_classes)
    def forward(self, x):
        return self.head(self.chooser(self.flat(x)))

@hookimpl
def retinue_models(register): register("hidden", Hidden, summary="-")
"""


def test_it_tells_what_the_data_holds_and_what_the_model_makes_of_it(plan: MakePlan) -> None:
    found = inspect_run(plan(["train.epochs=2"]))
    assert (found["train samples"], found["val samples"]) == (1438, 359)
    assert (found["steps in an epoch"], found["steps"]) == (23, 46)
    assert found["sample image"].startswith("1 x 8 x 8, uint8 from 0 to ")
    assert (found["batch"], found["output"]) == ("64 x 1 x 8 x 8", "64 x 10")


@pytest.mark.parametrize(
    ("extra", "state"), [([], 0), (["optimizer.momentum=0.9"], 1), (["optimizer={use='adam'}"], 2)]
)
def test_memory_is_that_of_weights_gradients_optimizer_and_what_the_backward_pass_needs(
    extra: list[str], state: int, plan: MakePlan
) -> None:
    """What is kept for the backward pass, torch tells itself in a real forward pass."""
    found = inspect_run(plan([*LARGE, *extra]))
    model = resnet50(num_classes=10)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    storages: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(value: torch.Tensor) -> torch.Tensor:
        storages[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        output = model(torch.rand(8, 3, 224, 224))
    kept = sum(size for place, size in storages.items() if place not in own)
    assert output.shape == (8, 10)
    assert found["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert found["MiB in a step, about"] == pytest.approx((weights * (2 + state) + kept) / 2**20, rel=0.02)


def test_gradient_checkpointing_needs_less(plan: MakePlan) -> None:
    with_all = inspect_run(plan(LARGE))["MiB in a step, about"]
    assert inspect_run(plan([*LARGE, "train.gradient_checkpointing=true"]))["MiB in a step, about"] < 0.6 * with_all


def test_only_one_part_of_a_batch_is_in_memory(plan: MakePlan) -> None:
    found = inspect_run(plan([*LARGE, "train.accumulate=4"]))
    assert found["batch"] == "2 x 3 x 224 x 224"


@pytest.mark.parametrize("real", [False, True], ids=["shapes", "run"])
@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=mse", r"compares outputs \(2, 10\) with a target of the same shape, and the target is \(2,\)"),
        ("metrics={error='mse'}", "a metric of values needs values, and the task gives labels"),
        ("model=unet", 'gives 10 x 8 x 8 values for each picture and the task "classification" needs 10'),
        (
            "model={use='resnet18',in_channels=4}",
            r"the model fails on data.train: a sample \(1 x 8 x 8, uint8\).*4 channels",
        ),
    ],
)
def test_a_wrong_pairing_is_one_sentence(override: str, says: str, real: bool, plan: MakePlan) -> None:
    with pytest.raises(RetinueError, match=says):
        inspect_run(plan([override]), real)


def test_the_layer_that_fails_is_named(plan: MakePlan) -> None:
    with pytest.raises(RetinueError, match="in its layer conv1: "):
        inspect_run(plan(["model={use='resnet18',in_channels=4}"]))


def test_a_model_that_cannot_be_followed_is_run(plan: MakePlan, local_plugin: Callable[[str], None]) -> None:
    local_plugin(HIDDEN)
    with pytest.raises(RetinueError, match=r"its layer chooser cannot be followed, .*`--run` runs it"):
        inspect_run(plan(["model=hidden"]))
    found: dict[str, Any] = inspect_run(plan(["model=hidden"]), real=True)
    assert found["train samples"] == 1438


def test_nothing_is_written(plan: MakePlan, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    inspect_run(plan())
    assert sorted(tmp_path.rglob("*")) == before
