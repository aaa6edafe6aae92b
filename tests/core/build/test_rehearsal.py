"""What does not fit is told before the first step, and before a run directory is made."""

from pathlib import Path
from typing import Any

import pytest

from retinue.build.inspection import inspect_run
from retinue.errors import DataError, RetinueError, SpecError, TrainingError

NORMED = """
from torch import nn
from retinue.hooks import hookimpl

class Normed(nn.Module):
    def __init__(self, num_classes: int, spatial: bool = False) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(4) if spatial else nn.BatchNorm1d(4)
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        parts = [norm, *pooled] if spatial else [*pooled, norm]
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), *parts, nn.Linear(4, num_classes))
    def forward(self, x):
        return self.layers(x)

@hookimpl
def retinue_models(register): register("normed", Normed, summary="-")
"""


def normed(**changes: Any) -> list[str]:
    settings = {"data.batch_size": 64, **{key.replace("__", "."): value for key, value in changes.items()}}
    return ["model.use=vision/normed", *(f"{key}={str(value).lower()}" for key, value in settings.items())]


LONE = (
    "of 1438 samples in batches of 479 the last batch has one sample, which the model's batch norm cannot learn from: "
    "set data.drop_last = true, or another data.batch_size"
)


def test_a_last_batch_of_one_that_batch_norm_cannot_learn_from(train, local_plugin, tmp_path: Path) -> None:
    """1438 = 3 * 479 + 1."""
    local_plugin(NORMED)
    with pytest.raises(TrainingError) as caught:
        train(normed(data__batch_size=479))
    assert str(caught.value) == LONE
    assert not (tmp_path / "run").exists()


def test_its_remedies_help(build, local_plugin) -> None:
    local_plugin(NORMED)
    build(normed(data__batch_size=479, data__drop_last=True))
    build(normed(data__batch_size=478))


def test_batches_of_one_throughout(build, local_plugin) -> None:
    local_plugin(NORMED)
    with pytest.raises(TrainingError, match=r"in batches of 1 .* set a larger data\.batch_size$"):
        build(normed(data__batch_size=1))
    with pytest.raises(TrainingError, match=r"set a larger data\.batch_size$"):
        build(normed(data__batch_size=1, data__drop_last=True))


def test_one_sample_of_many_pixels_is_enough_for_batch_norm(train, local_plugin) -> None:
    local_plugin(NORMED)
    assert train(normed(data__batch_size=479, model__spatial=True)).steps == 4


def test_a_rehearsal_leaves_no_trace(build, local_plugin) -> None:
    local_plugin(NORMED)
    trainer, _ = build(normed(data__batch_size=479, model__spatial=True))
    state = trainer.run.task.model.state_dict()
    assert int(next(value for name, value in state.items() if name.endswith("num_batches_tracked"))) == 0
    assert all(parameter.grad is None for parameter in trainer.run.task.parameters())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"data.val.transforms": [{"use": "resize", "size": 12}]},
            r"^the model fails on data\.val: a sample \(1 x 12 x 12, uint8\): .*shapes cannot be multiplied",
        ),
        (
            {"model.image_size": [4, 4]},
            r"error: the model fails on data\.train: .*shapes cannot be multiplied",
        ),
        ({"model.num_classes": 4}, r"the model gives 4 values .* needs 10"),
        ({"data.val.transforms": ["rgb"]}, r"^the model fails on data\.val: a sample \(3 x 8 x 8, uint8\)"),
    ],
    ids=["size of validation", "size", "classes", "channels of validation"],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    overrides: dict[str, Any], message: str, train, tmp_path: Path
) -> None:
    with pytest.raises(RetinueError, match=message):
        train(overrides)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "has"),
    [("model.num_classes=5", "10"), ("model.image_size=[4,4]", "[8, 8]"), ("model.in_channels=3", "1")],
)
@pytest.mark.parametrize("check", [False, True])
def test_a_shape_that_the_spec_gives_in_vain_is_pointed_at(override: str, has: str, check: bool, build, plan) -> None:
    with pytest.raises(SpecError) as caught:
        inspect_run(plan([override])) if check else build([override])
    (problem,) = caught.value.problems
    assert problem.note == f"the data set has {has}; leave the key out"
    assert problem.position.text == override


def test_an_unreadable_first_validation_picture_is_told_at_once(train, folder, tmp_path: Path) -> None:
    roots = {name: folder(name, a=2, b=2) for name in ("train", "val")}
    (roots["val"] / "a" / "0.png").write_text("no picture")
    overrides = [
        f"data.{name}.{key}={value}"
        for name, root in roots.items()
        for key, value in {"use": "image-folder", "root": root}.items()
    ]
    with pytest.raises(RetinueError, match=r"val/a/0\.png: is no picture"):
        train([*overrides, "~data.train.split", "~data.val.split"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=mse", r"a loss of values compares outputs \(2, 10\) with a target of the same shape, and .* \(2,\)"),
        ("metrics={error='mse'}", "a metric of values needs values, and the task gives labels: take accuracy or f1"),
        (
            "task=segmentation",
            'the task "segmentation" needs "mask" in every sample, and the data set gives: image, label',
        ),
        ("model.num_classes=5", 'the model gives 5 values for each picture and the task "classification" needs 10'),
    ],
)
def test_a_wrong_pairing_is_one_sentence(override: str, says: str, train, tmp_path: Path) -> None:
    with pytest.raises(RetinueError, match=says):
        train([override])
    assert not (tmp_path / "run").exists()


PARTS = """
import torch
from torch import nn
from retinue.hooks import hookimpl

class Each(nn.Module):
    def __init__(self) -> None:
        super().__init__()
    def forward(self, outputs, target):
        return nn.functional.cross_entropy(outputs, target, reduction="none")

class Rateless(torch.optim.Optimizer):
    def __init__(self, params) -> None:
        super().__init__(params, {})
    def step(self, closure=None): ...

class Bare(nn.Module):
    def forward(self, outputs, target):
        return outputs.sum()

@hookimpl
def retinue_losses(register):
    register("each", Each, summary="-")
    register("bare", Bare, summary="-")

@hookimpl
def retinue_optimizers(register): register("rateless", Rateless, summary="-")
"""


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=each", r"of two samples the loss gives \(2,\): one value is needed, their mean"),
        ("loss=bare", "parameter .* cannot be named in a spec; .*; Bare inherits it: give it an __init__ of its own"),
        ("optimizer=rateless", "optimizer vision/rateless .* has no lr in its parameter groups"),
    ],
)
def test_what_a_plugin_must_not_do_is_told_to_its_author(override: str, says: str, train, local_plugin) -> None:
    local_plugin(PARTS)
    with pytest.raises(RetinueError, match=says):
        train([override])


STRIP = """
from retinue.hooks import hookimpl

def keep(): return lambda sample: {**sample, "seen": 1}
def strip(key: str = "label"):
    def act(sample):
        del sample[key]
        return sample
    return act

@hookimpl
def retinue_transforms(register):
    register("keep", keep, summary="-")
    register("strip", strip, summary="-")
"""


@pytest.mark.parametrize("section", ["train", "val"])
def test_a_transform_that_drops_what_the_task_needs_is_named(section: str, build, local_plugin) -> None:
    local_plugin(STRIP)
    with pytest.raises(DataError) as caught:
        build([f"data.{section}.transforms=['keep','strip','keep']"])
    assert str(caught.value) == (
        f'data.{section}: the task needs "label" in every sample, and the transform "strip" drops it'
    )


def test_a_transform_may_drop_what_the_task_does_not_need(build, local_plugin) -> None:
    local_plugin(STRIP)
    build(["data.train.transforms=['keep',{use='strip',key='seen'}]"])
