"""A whole run from its plan: 1,438 digits in 23 steps an epoch."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from retinue.build.trainer import check_steps
from retinue.engine.distributed import Group
from retinue.errors import SpecError, TrainingError
from retinue.run import SavedRun

Train = Callable[..., SavedRun]


@pytest.mark.parametrize(
    ("length", "epochs", "steps"),
    [
        (["train.epochs=3"], 3, 69),
        (["~train.epochs", "train.steps=30"], 2, 30),
        (["~train.epochs", "train.steps=46"], 2, 46),
        (["train.epochs=2", "data.drop_last=true"], 2, 44),
    ],
)
def test_the_length_of_a_run(length: list[str], epochs: int, steps: int, build) -> None:
    run = build(length)[0].run
    assert (run.epochs, run.total_steps) == (epochs, steps)


def test_weights_come_from_the_seed_alone(build) -> None:
    def weights(seed: int, disturbance: int) -> Any:
        torch.manual_seed(disturbance), np.random.seed(disturbance), random.seed(disturbance)
        return build({"seed": seed})[0].run.task.state_dict()

    one, same, other = weights(0, 1), weights(0, 2), weights(1, 1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_device_of_the_spec_is_taken_or_refused(build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match='"cuda" is asked for'):
        build({"train.device": "cuda"})
    assert build({"train.device": "cpu"})[0].run.device.type == "cpu"


@pytest.mark.parametrize(("every", "steps"), [("1ep", 23), ("0.5ep", 12), ("7it", 7), ("0it", 1)])
def test_checkpoints_are_counted_in_steps(every: str, steps: int, build) -> None:
    assert build({"checkpoint.every": every})[0].save_every == steps


FROZEN = """
from torch import nn
from retinue.hooks import hookimpl

def frozen(num_classes: int, everything: bool = False) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, num_classes))
    (model if everything else model[1]).requires_grad_(False)
    return model

@hookimpl
def retinue_models(register): register("frozen", frozen, summary="has a part that does not learn")
"""


def test_what_a_model_froze_itself_does_not_learn(build, train: Train, local_plugin) -> None:
    local_plugin(FROZEN)
    before = build(["model.use=vision/frozen"])[0].run.task.model
    after = train(["model.use=vision/frozen"]).model
    assert torch.equal(after[1].weight, before[1].weight)
    assert not torch.equal(after[2].weight, before[2].weight)
    with pytest.raises(TrainingError, match=r"^the model has no parameter that learns"):
        build(["model.use=vision/frozen", "model.everything=true"])


OUTPUTS = """
from torch import nn
from retinue.hooks import hookimpl

class Several(nn.Module):
    def __init__(self, form: str, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.form = form
        size = image_size[0] * image_size[1]
        self.main = nn.Sequential(nn.Flatten(), nn.Linear(size, num_classes))
        self.extra = nn.Sequential(nn.Flatten(), nn.Linear(size, num_classes))
    def forward(self, image):
        out, aux = self.main(image), self.extra(image) if self.training else None
        forms = {"dict": {"out": out, "aux": aux}, "tuple": (out, aux), "logits": {"logits": out}, "list": [out]}
        return forms[self.form]

@hookimpl
def retinue_models(register): register("several", Several, summary="gives more than logits")
"""


@pytest.mark.parametrize("form", ["dict", "tuple", "logits"])
def test_models_of_several_outputs_from_a_file_of_ones_own(form: str, train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)
    run = train(["model.use=several", f"model.form={form}", "optimizer.lr=0.5"])
    assert run.metrics["val/accuracy"] > 0.5
    picture = np.zeros((8, 8), np.uint8)
    assert len(run.predict(picture)["top"]) == 5


def test_auxiliary_outputs_learn_too(build, train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)

    def learns(form: str) -> bool:
        overrides = ["model.use=several", f"model.form={form}"]
        before = build(overrides)[0].run.task.model
        return not torch.equal(train(overrides, form).model.extra[1].weight, before.extra[1].weight)

    assert learns("dict")
    assert not learns("logits")


def test_an_output_that_no_task_understands_is_told(train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)
    with pytest.raises(TrainingError, match="the model returned list: a tensor, a mapping or a tuple"):
        train(["model.use=several", "model.form=list"])


@pytest.mark.parametrize("overrides", [["train.accumulate=65"], ["train.accumulate=8", "data.batch_size=7"]], ids=str)
def test_a_batch_that_cannot_be_cut_in_so_many_parts_is_refused(overrides: list[str], build) -> None:
    with pytest.raises(SpecError, match=r"a batch of data\.batch_size = \d+ cannot be cut for so many parts") as caught:
        build(overrides)
    assert str(caught.value.problems[0].position).startswith("command line:1:")
    build({"train.accumulate": 64})


def test_each_process_needs_a_sample_of_a_batch_for_each_part(plan) -> None:
    four = Group(rank=1, size=4, local_rank=1, local_size=4)
    check_steps(plan({"data.batch_size": 8, "train.accumulate": 2}), four)
    with pytest.raises(SpecError, match="cannot be cut for 4 processes, each in 2 parts"):
        check_steps(plan({"data.batch_size": 7, "train.accumulate": 2}), four)


def test_a_sharded_model_is_not_trained_in_float16(plan) -> None:
    sharded = plan({"train.precision": "fp16", "train.strategy": "fsdp2"})
    check_steps(sharded, Group())
    with pytest.raises(SpecError, match=r'set train\.precision = "bf16"'):
        check_steps(sharded, Group(size=2))


def test_the_optimizers_steps_are_as_the_spec_says(build) -> None:
    learner = build(
        {
            **{"train.accumulate": 4, "train.clip_norm": 1.5, "train.clip_value": 0.5},
            **{"train.ema": 0.99, "train.skip_nonfinite": 3, "train.precision": "fp16"},
        }
    )[0].learner
    assert (learner.accumulate, learner.clip_norm, learner.clip_value) == (4, 1.5, 0.5)
    assert (learner.average.decay, learner.cautious, learner.scaler.is_enabled()) == (0.99, True, True)
    plain = build()[0].learner
    assert (plain.accumulate, plain.clip_norm, plain.clip_value, plain.average) == (1, None, None, None)
    assert (plain.cautious, plain.scaler.is_enabled()) == (False, False)


def test_channels_last_is_how_pictures_lie(build) -> None:
    overrides = {"model": {"use": "lenet"}, "train.channels_last": True}
    convolution = next(m for m in build(overrides)[0].run.task.model.modules() if isinstance(m, nn.Conv2d))
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)


def test_an_average_begins_with_the_weights_that_a_run_begins_with(build, tmp_path: Path) -> None:
    """Those of an earlier run, not those that were drawn."""
    weights = {name: value + 1 for name, value in build()[0].run.task.model.state_dict().items()}
    torch.save(weights, tmp_path / "weights.pt")
    trainer, _ = build({"finetune.weights": str(tmp_path / "weights.pt"), "train.ema": 0.9})
    assert all(torch.equal(trainer.learner.average.values[name], value) for name, value in weights.items())
