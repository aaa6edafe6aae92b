"""One optimizer step, by hand and in runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.core.engine.conftest import records, saved
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from retinue.api import Batch, DataInfo
from retinue.builtin.tasks.classification import Classification
from retinue.data.sampling import EpochBatches
from retinue.engine.averaging import AveragedWeights
from retinue.engine.checkpoints import load_state, read_weights
from retinue.engine.distributed import Group
from retinue.engine.execution import set_precision
from retinue.engine.learner import Learner, cut_batch
from retinue.engine.parallel import Parallel
from retinue.errors import TrainingError
from retinue.run import SavedRun
from retinue.run import train as train_spec

CPU = torch.device("cpu")
CLASSES = ("a", "b", "c")

Train = Callable[..., SavedRun]


def make_model(*layers: nn.Module) -> nn.Module:
    """A network in float64, drawn from one seed; float32 would hide small mistakes."""
    torch.manual_seed(0)
    net = (nn.Flatten(), nn.Linear(12, 8), *(copy.deepcopy(layer) for layer in layers), nn.Tanh(), nn.Linear(8, 3))
    return nn.Sequential(*net).double()


def make_batch(size: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(size, 3, 2, 2, dtype=torch.float64, generator=generator)
    return {"image": image, "label": torch.randint(3, (size,), generator=generator), "path": list("x" * size)}


def narrow(batch: Batch) -> Batch:
    return {**batch, "image": batch["image"].float()}


def make_learner(model: nn.Module, optimizer: Any = None, **settings: Any) -> Learner:
    task = Classification(model, nn.CrossEntropyLoss(), DataInfo(classes=CLASSES)).train()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    return Learner(Parallel(task), optimizer, Group(), CPU, seed=0, **settings)


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def assert_close(ours: Iterable[Tensor], theirs: Iterable[Tensor]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", [16, 10, 5, 4, 3, 1])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(size: int) -> None:
    whole, parted = make_model(), make_model()
    expected = make_learner(whole).learn(make_batch(size), 0, weight=1.0)
    found = make_learner(parted, accumulate=4).learn(make_batch(size), 0, weight=1.0)
    assert_close(gradients(parted), gradients(whole))
    assert_close(parted.parameters(), whole.parameters())
    assert found is not None
    assert expected is not None
    assert_close([found.loss], [expected.loss])
    torch.testing.assert_close(found.preds, expected.preds)
    assert torch.equal(found.target, expected.target)


@pytest.mark.parametrize(
    ("size", "sizes"), [(16, [4] * 4), (10, [2, 3, 2, 3]), (5, [1, 1, 1, 2]), (3, [1, 1, 1])], ids=str
)
def test_parts_differ_by_one_sample_at_most(size: int, sizes: list[int]) -> None:
    batch = make_batch(size)
    parts = cut_batch(batch, 4)
    assert [len(part["image"]) for part in parts] == [len(part["path"]) for part in parts] == sizes
    assert torch.equal(torch.cat([part["label"] for part in parts]), batch["label"])


def test_each_part_and_each_step_draws_its_own_dropout() -> None:
    def kept(step: int) -> list[Tensor]:
        model = make_model(nn.Dropout(0.5))
        seen: list[Tensor] = []
        model[2].register_forward_hook(lambda module, inputs, output: seen.append(output.detach() != 0))
        batch = {key: value[:1].repeat(8, 1, 1, 1) if key == "image" else value for key, value in make_batch(8).items()}
        make_learner(model, accumulate=2).learn(batch, step, weight=1.0)
        return seen

    torch.manual_seed(1)
    first, second = kept(0)
    assert not torch.equal(first, second)
    assert not torch.equal(first, kept(1)[0])
    torch.manual_seed(2)
    assert all(torch.equal(one, other) for one, other in zip(kept(0), (first, second), strict=True))


def test_a_hook_of_the_optimizer_is_called() -> None:
    called: list[str] = []
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = make_learner(model, optimizer)
    learner.learn(make_batch(2), 0, weight=1.0)
    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))
    learner.learn(make_batch(2), 1, weight=1.0)
    assert called == ["before", "after"]


def test_a_profile_names_the_optimizers_step() -> None:
    learner = make_learner(make_model())
    learner.learn(make_batch(2), 0, weight=1.0)
    with torch.profiler.profile() as profile:
        learner.learn(make_batch(2), 1, weight=1.0)
    assert any(event.key.startswith("Optimizer.step") for event in profile.key_averages())


def test_an_optimizer_of_ones_own_does_its_step() -> None:
    class Quiet(torch.optim.SGD):
        steps = 0

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            self.steps += 1
            return super().step(closure)

    model = make_model()
    optimizer = Quiet(model.parameters(), lr=0.1)
    make_learner(model, optimizer).learn(make_batch(2), 0, weight=1.0)
    assert optimizer.steps == 1


def test_a_share_weighs_what_it_is_told() -> None:
    whole, share = make_model(), make_model()
    make_learner(whole).learn(make_batch(6), 0, weight=1.0)
    make_learner(share, accumulate=2).learn(make_batch(6), 0, weight=0.25)
    assert_close(gradients(share), [gradient / 4 for gradient in gradients(whole)])


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("limit", [0.01, 0.1, 1e6])
def test_clipping_is_torchs(limit: float, accumulate: int) -> None:
    clips: dict[str, Callable[[Any, float], Any]] = {"clip_norm": clip_grad_norm_, "clip_value": clip_grad_value_}
    for name, clip in clips.items():
        ours, theirs = make_model(), make_model()
        learner = make_learner(ours, accumulate=accumulate, **{name: limit})
        learner.learn(make_batch(9), 0, weight=1.0)
        nn.functional.cross_entropy(theirs(make_batch(9)["image"]), make_batch(9)["label"]).backward()
        unclipped = gradients(theirs)
        clip(theirs.parameters(), limit)
        assert_close(gradients(ours), gradients(theirs))
        assert (limit > 1) == all(map(torch.equal, unclipped, gradients(theirs)))


def test_values_are_clipped_before_the_norm() -> None:
    ours, theirs = make_model(), make_model()
    make_learner(ours, clip_norm=0.01, clip_value=0.02).learn(make_batch(9), 0, weight=1.0)
    nn.functional.cross_entropy(theirs(make_batch(9)["image"]), make_batch(9)["label"]).backward()
    clip_grad_value_(theirs.parameters(), 0.02)
    clip_grad_norm_(theirs.parameters(), 0.01)
    assert_close(gradients(ours), gradients(theirs))


class Root(nn.Module):
    """Its output is finite at 0, its gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(8))

    def forward(self, values: Tensor) -> Tensor:
        return values * self.scale.sqrt()


def everything(learner: Learner) -> dict[str, Any]:
    return copy.deepcopy(
        {"weights": learner.parallel.task.state_dict(), "optimizer": learner.optimizer.state_dict()["state"]}
        | {"average": learner.average.values if learner.average else {}}
    )


def assert_same(one: Any, other: Any) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_step_that_is_not_finite_leaves_everything_as_it_was(broken: str, accumulate: int) -> None:
    model = make_model(nn.BatchNorm1d(8), *([Root()] if broken == "gradient" else []))
    learner = make_learner(
        model,
        torch.optim.Adam(model.parameters(), lr=0.01),
        accumulate=accumulate,
        cautious=True,
        average=AveragedWeights(model, 0.9),
        clip_norm=1.0,
    )
    if broken == "loss":
        assert learner.learn(make_batch(8), 0, weight=1.0) is not None
    before = everything(learner)
    batch = make_batch(8, seed=1)
    if broken == "loss":
        # In the last of the parts: the first have counted in batch norm by then.
        batch["image"][7, 0, 0, 0] = torch.nan
    assert learner.learn(batch, 1, weight=1.0) is None
    assert_same(everything(learner), before)
    if broken == "loss":
        assert learner.learn(make_batch(8, seed=2), 2, weight=1.0) is not None
        assert int(model[2].num_batches_tracked) == 2 * accumulate


def test_a_loss_that_is_not_finite_is_not_the_scalers_to_leave_out() -> None:
    """It counts with those that the spec allows, and the model's statistics are as before."""
    model = make_model(nn.BatchNorm1d(8)).float()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    learner = make_learner(model, cautious=True, scaler=scaler)
    batch = narrow(make_batch(8))
    batch["image"][3] = torch.inf
    before = everything(learner)
    assert learner.learn(batch, 0, weight=1.0) is None
    assert_same(everything(learner), before)
    assert scaler.get_scale() == 2.0
    assert learner.learn(narrow(make_batch(8)), 1, weight=1.0) is not None
    assert not torch.equal(model[1].weight, before["weights"]["model.1.weight"])


def test_the_average_takes_in_what_was_learnt() -> None:
    model = make_model()
    before = model[1].weight.detach().clone()
    learner = make_learner(model, average=AveragedWeights(model, 0.9))
    learner.learn(make_batch(8), 0, weight=1.0)
    expected = before + (model[1].weight.detach() - before) * 9 / 11
    assert learner.average is not None
    assert_close([learner.average.values["1.weight"]], [expected])


def test_a_step_that_is_finite_is_the_same_with_care() -> None:
    careful, careless = make_model(), make_model()
    make_learner(careful, cautious=True).learn(make_batch(8), 0, weight=1.0)
    make_learner(careless).learn(make_batch(8), 0, weight=1.0)
    assert_same(careful.state_dict(), careless.state_dict())


@pytest.mark.parametrize("cautious", [False, True])
def test_a_step_that_overflows_float16_is_left_out_and_scaled_less(cautious: bool) -> None:
    """Its loss is finite: it is the scaler's to leave out, and none of those that the spec counts."""
    model = make_model().float()
    set_precision(model, "fp16", CPU)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    learner = make_learner(model, cautious=cautious, scaler=scaler, clip_norm=1.0)
    before = everything(learner)
    output = learner.learn(narrow(make_batch(8)), 0, weight=1.0)
    assert output is not None
    assert output.loss.isfinite()
    assert_same(everything(learner), before)
    assert scaler.get_scale() == 2.0**23
    scaler.update(1.0)
    learner.learn(narrow(make_batch(8)), 1, weight=1.0)
    assert not torch.equal(model[1].weight, before["weights"]["model.1.weight"])


def test_gradients_are_unscaled_before_they_are_clipped() -> None:
    scaled, plain = make_model().float(), make_model().float()
    make_learner(scaled, clip_norm=0.1, scaler=torch.amp.GradScaler("cpu")).learn(narrow(make_batch(8)), 0, weight=1.0)
    make_learner(plain, clip_norm=0.1).learn(narrow(make_batch(8)), 0, weight=1.0)
    torch.testing.assert_close(scaled.state_dict(), plain.state_dict())


POISONED = """
import torch
from torchvision import tv_tensors
from retinue.api import DataInfo, Dataset
from retinue.hooks import hookimpl

def poison():
    def act(sample):
        image = sample["image"].float()
        return {**sample, "image": image + torch.nan if sample["path"] == "5.png" else image}
    return act

class Numbered(Dataset):
    in_memory = True
    def __init__(self, samples: int = 12) -> None:
        self.labels = [index % 2 for index in range(samples)]
        self.info = DataInfo(classes=("a", "b"), channels=1, image_size=(2, 2))
    def __len__(self): return len(self.labels)
    def __getitem__(self, index):
        image = torch.full((1, 2, 2), 20 * index, dtype=torch.uint8)
        return {"image": tv_tensors.Image(image), "label": self.labels[index], "path": f"{index}.png"}

@hookimpl
def retinue_datasets(register): register("numbered", Numbered, summary="-")

@hookimpl
def retinue_transforms(register): register("poison", poison, summary="-")
"""


def poisoned_at(epoch: int, sample: int) -> tuple[int, list[int]]:
    """The step in which a sample is learnt from, and its batch."""
    order = EpochBatches(12, 4, 0, learnt=True, drop_last=False)
    order.epoch = epoch
    batches = [[index for _, index in batch] for batch in order]
    number = next(number for number, batch in enumerate(batches) if sample in batch)
    return epoch * 3 + number + 1, batches[number]


def test_a_run_leaves_out_as_many_steps_as_it_may(
    train: Train, local_plugin: Callable[[str], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One sample is no number, so one step an epoch: two may be left out, the third ends the run."""
    local_plugin(POISONED)
    data = {"data.train": {"use": "vision/numbered", "transforms": ["poison"]}, "data.val": "vision/numbered"}
    settings = {"data.batch_size": 4, "train.skip_nonfinite": 2, "checkpoint.every": "1it", "log.every": 1}
    step, batch = poisoned_at(2, 5)
    files = ", ".join(f"{index}.png" for index in batch)
    with pytest.raises(TrainingError) as caught:
        train({**data, **settings, "train.epochs": 5})
    assert str(caught.value).startswith(
        f"the loss or a gradient is not finite at step {step}, in the batch of {files}; "
        f"the last checkpoint is that of step {step - 1}. "
    )
    warnings = [message for message in caplog.messages if "is left out" in message]
    assert len(warnings) == 2
    for epoch, warning in enumerate(warnings):
        left_out, batch = poisoned_at(epoch, 5)
        files = ", ".join(f"{index}.png" for index in batch)
        assert warning == f"step {left_out} is left out, its loss or a gradient is not finite: {files}"
    assert saved(tmp_path / "run")[-1] == step - 1
    last = tmp_path / "run" / "checkpoints" / "last"
    assert load_state(last)["run"]["left_out"] == 2
    assert all(value.isfinite().all() for value in read_weights(last).values())
    epochs = [record for record in records(tmp_path / "run") if record["event"] == "epoch"]
    assert [record["step"] for record in epochs] == [3, 6]
    assert all(record["train/loss"] is not None for record in epochs)
    with pytest.raises(TrainingError, match=f"at step {step}"):
        train_spec(resume=tmp_path / "run")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_it_learns_in_less_precision(precision: str, train: Train, tmp_path: Path) -> None:
    run = train({"train.epochs": 4, "optimizer.lr": 0.5, "train.precision": precision})
    assert run.metrics["val/accuracy"] > 0.85
    last = tmp_path / "run" / "checkpoints" / "last"
    assert {value.dtype for value in read_weights(last).values()} == {torch.float32}
    assert bool(load_state(last)["scaler"]) == (precision == "fp16")
