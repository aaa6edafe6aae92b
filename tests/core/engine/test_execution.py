"""How a model is run leaves what it computes, its weights and their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.core.engine.conftest import records
from torch import Tensor, nn
from torchvision.models import resnet18

from retinue.engine.execution import find_blocks, recompute_blocks, run_deterministically, set_precision
from retinue.errors import TrainingError
from retinue.run import SavedRun

CPU = torch.device("cpu")

Train = Callable[..., SavedRun]


class Block(nn.Module):
    def __init__(self, momentum: float | None = 0.1) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, momentum=momentum), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.calls = 0

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        self.calls += 1
        return x + scale * self.drop(self.body(x))  # type: ignore[no-any-return]


class Net(nn.Module):
    """Blocks that must not be computed again by themselves, in a list and one after the other."""

    def __init__(self, form: str = "tensor", momentum: float | None = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        self.blocks = nn.ModuleList([Block(momentum), Block(momentum)])
        self.stages = nn.Sequential(Block(momentum))
        self.head = nn.Linear(4, 3)
        self.form = form

    def forward(self, image: Tensor) -> Any:
        x = self.stem(image)
        for block in self.blocks:
            x = block(x, scale=0.5)
        out = self.head(self.stages(x).mean(dim=(2, 3)))
        forms = {"tensor": out, "dict": {"out": out, "places": out.argmax(1)}, "tuple": (out, [out])}
        return forms[self.form]


PICTURES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("precision", "inside"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_convolutions_run_in_less_and_float32_comes_out(precision: Any, inside: torch.dtype) -> None:
    seen: list[torch.dtype] = []
    models = {form: Net(form).eval() for form in ("tensor", "dict", "tuple")}
    outputs = {}
    for form, model in models.items():
        expected = model(PICTURES)
        set_precision(model, precision, CPU)
        model.blocks[0].body[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        outputs[form] = model(PICTURES)
        if form == "tensor":
            torch.testing.assert_close(outputs[form], expected, rtol=0.05, atol=0.05)
            assert not torch.equal(outputs[form], expected)
    assert set(seen) == {inside}
    assert outputs["tensor"].dtype == outputs["dict"]["out"].dtype == torch.float32
    assert [outputs["tuple"][0].dtype, outputs["tuple"][1][0].dtype] == [torch.float32] * 2
    assert outputs["dict"]["places"].dtype == torch.int64
    assert not torch.is_autocast_enabled("cpu")
    assert {parameter.dtype for parameter in models["tensor"].parameters()} == {torch.float32}


def test_float32_is_left_as_it_is() -> None:
    model = Net()
    set_precision(model, "fp32", CPU)
    assert "forward" not in vars(model)


def step(model: nn.Module) -> dict[str, Tensor]:
    """Gradients and buffers after one step, by name."""
    torch.manual_seed(3)
    model.train()
    model(PICTURES).logsumexp(1).sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return gradients | {name: value.clone() for name, value in model.named_buffers()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("which", [True, ["blocks.*"], ["blocks.1", "stages"]], ids=str)
def test_blocks_that_are_computed_again_change_nothing(which: Any, momentum: float | None, precision: Any) -> None:
    """With dropout, and batch norm that must not count a batch twice; None averages over all batches there were."""
    plain, again = Net(momentum=momentum), Net(momentum=momentum)
    for model in (plain, again):
        set_precision(model, precision, CPU)
    recompute_blocks(again, which)
    expected, found = step(plain), step(again)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert [block.calls for block in (*plain.blocks, *plain.stages)] == [1, 1, 1]
    twice = {True: [2, 2, 2], "blocks.*": [2, 2, 1], "blocks.1": [1, 2, 2]}
    assert [block.calls for block in (*again.blocks, *again.stages)] == twice[which if which is True else which[0]]
    assert [norm.track_running_stats for norm in again.modules() if isinstance(norm, nn.BatchNorm2d)] == [True] * 3


def test_frozen_batch_norm_in_a_block_keeps_its_statistics() -> None:
    plain, again = Net(), Net()
    recompute_blocks(again, True)
    found = []
    for model in (plain, again):
        nn.init.constant_(model.blocks[0].body[1].running_mean, 0.3)
        model.train()
        model.blocks[0].body[1].eval()
        torch.manual_seed(3)
        model(PICTURES).sum().backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert again.blocks[0].body[1].running_mean.unique().tolist() == pytest.approx([0.3])


def test_nothing_is_computed_again_where_nothing_is_learnt() -> None:
    model = Net().eval()
    recompute_blocks(model, True)
    with torch.inference_mode():
        model(PICTURES)
    assert model.blocks[0].calls == 1


def test_blocks_are_the_members_of_the_outermost_lists() -> None:
    assert [name for name, _ in find_blocks(resnet18())] == [f"layer{n}.{k}" for n in (1, 2, 3, 4) for k in (0, 1)]
    assert [name for name, _ in find_blocks(Net())] == ["blocks.0", "blocks.1", "stages.0"]
    wrapped = nn.ModuleDict({"encoder": Net(), "head": nn.Sequential(nn.Linear(2, 2), nn.ReLU())})
    assert [name for name, _ in find_blocks(wrapped)] == [f"encoder.{name}" for name, _ in find_blocks(Net())]


def test_what_cannot_be_computed_again_is_refused() -> None:
    with pytest.raises(TrainingError, match=r'no module matches "layers\.\*"; there are stem, blocks, stages, head$'):
        recompute_blocks(Net(), ["blocks.*", "layers.*"])
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(TrainingError, match=r"the model has no lists of blocks; name its parts by patterns, of 0, 1$"):
        recompute_blocks(model, True)


def test_a_block_within_a_block_is_computed_again_with_it_alone() -> None:
    """Else it would be computed three times."""
    model = Net()
    recompute_blocks(model, ["blocks.*", "blocks.0.drop"])
    assert "forward" in vars(model.blocks[0])
    assert "forward" not in vars(model.blocks[0].drop)


@pytest.mark.parametrize("fails", [False, True])
def test_deterministic_mode_is_given_back(fails: bool) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    try:
        torch.backends.cudnn.benchmark = True
        try:
            with run_deterministically(wanted=True):
                assert torch.are_deterministic_algorithms_enabled()
                assert not torch.backends.cudnn.benchmark
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            assert fails
        assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == (before[0], True)
    finally:
        torch.backends.cudnn.benchmark = before[1]


UNSURE = """
import torch
from torch import nn
from retinue.hooks import hookimpl

class Unsure(nn.Linear):
    def __init__(self, num_classes: int) -> None:
        super().__init__(64, num_classes)
    def forward(self, image):
        if self.training:
            # Which of the two is kept is not said.
            image.detach().clone().put_(torch.tensor([1, 1]), torch.ones(2))
        return super().forward(image.flatten(1))

@hookimpl
def retinue_models(register): register("unsure", Unsure, summary="-")
"""


def test_an_operation_that_is_not_deterministic_is_refused_where_it_must_be(
    train: Train, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(UNSURE)
    train({"model": "vision/unsure"}, "free")
    with pytest.raises(TrainingError, match=r"put_ does not have .*: without train.deterministic it may be used"):
        train({"model": "vision/unsure", "train.deterministic": True}, "bound")
    assert not torch.are_deterministic_algorithms_enabled()


FEW = {"data.train": {"use": "fake", "samples": 12}, "data.val": {"use": "fake", "samples": 12}, "data.batch_size": 4}


@pytest.mark.parametrize(
    "settings",
    [
        {"train.gradient_checkpointing": True},
        {"train.gradient_checkpointing": ["layer[34].*"]},
        {"train.precision": "bf16"},
        {"train.channels_last": True},
        {"train.gradient_checkpointing": True, "train.precision": "bf16", "train.channels_last": True},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_the_names_of_weights_stay(settings: dict[str, Any], train: Train) -> None:
    """A run's model and checkpoint are those of a plain run by name, shape and type, and are evaluated as they are."""
    run = train({**FEW, "model": {"use": "torchvision/resnet18"}, **settings})
    expected = resnet18(num_classes=len(run.learnt_from.info.classes or ())).state_dict()
    found = run.model.state_dict()
    assert [(name, value.shape, value.dtype) for name, value in found.items()] == [
        (name, value.shape, value.dtype) for name, value in expected.items()
    ]
    assert run.evaluate("val")["val/loss"] == pytest.approx(run.metrics["val/loss"], rel=0.02)


@pytest.mark.slow
def test_a_compiled_model_learns_what_a_plain_one_does_under_the_same_names(train: Train, tmp_path: Path) -> None:
    runs = [train({"log.every": 1, "train.compile": compiled}, str(compiled)) for compiled in (False, True)]
    plain, compiled = (run.model.state_dict() for run in runs)
    assert plain.keys() == compiled.keys()
    assert all(name.startswith("layers.") for name in load_file(tmp_path / "True/checkpoints/last/model.safetensors"))
    losses = [[record["train/loss"] for record in records(run.directory.path)] for run in runs]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
