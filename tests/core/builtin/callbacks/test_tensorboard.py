"""Read with TensorBoard's own reader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from retinue.builtin.callbacks.tensorboard import draw_batch
from retinue.errors import Interrupted
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]

PLUGIN = """
import os, signal
from torch import nn
from retinue.api import Callback
from retinue.hooks import hookimpl

class Interrupt(Callback):
    def __init__(self, at: int) -> None:
        self.at = at
    def step(self, run, batch, output):
        if run.state.step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)

class Untraceable(nn.Module):
    def __init__(self, num_classes: int, form: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
        self.form = form
    def forward(self, image):
        if self.form == "dict":
            return {"out": self.layers(image), "aux": self.layers(image)}
        if self.form == "refuses" and not self.training and len(image) == 1 and image.max() <= 1 and self.seen():
            raise RuntimeError("cannot be traced")
        return self.layers(image)
    def seen(self):
        import torch
        return torch.jit.is_tracing()

@hookimpl
def retinue_callbacks(register): register("interrupt", Interrupt, summary="-")
@hookimpl
def retinue_models(register): register("odd", Untraceable, summary="-")
"""


def read(run: Path) -> Any:
    accumulation = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulation.EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def epochs(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record for record in lines if record["event"] == "epoch"]


def test_its_reader_finds_scalars_pictures_and_the_graph(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": True, "train.epochs": 2})
    events = read(tmp_path / "run")
    values = epochs(tmp_path / "run")
    assert set(events.Tags()["scalars"]) == set(values[0]) - {"event", "epoch", "step"}
    for name in ("train/loss", "val/loss", "val/accuracy", "lr"):
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [23, 46]
        assert [scalar.value for scalar in scalars] == pytest.approx([record[name] for record in values])
    assert events.Tags()["images"] == ["train/batch"]
    image = events.Images("train/batch")[0]
    # Two rows of eight 8 x 8 pictures, a line between them.
    assert (image.height, image.width) == (2 * 9 + 1, 8 * 9 + 1)
    assert sum(node.op == "aten::linear" for node in events.Graph().node) == 2


def test_without_it_nothing_is_written(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": False})
    assert not list((tmp_path / "run").glob("events.*"))


def test_it_changes_nothing_in_the_run(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": True, "model.dropout": 0.5}, "with")
    train({"log.tensorboard": False, "model.dropout": 0.5}, "without")
    with_it, without = ((tmp_path / n / "checkpoints/last/model.safetensors").read_bytes() for n in ("with", "without"))
    assert with_it == without


def test_a_resumed_run_replaces_what_came_after(train: Train, local_plugin: Any, tmp_path: Path) -> None:
    local_plugin(PLUGIN)
    overrides = {"log.tensorboard": True, "train.epochs": 3, "checkpoint.every": "1000ep", "optimizer.lr": 1e-9}
    with pytest.raises(Interrupted):
        train({**overrides, "callbacks": [{"use": "interrupt", "at": 60}]})
    train_spec(resume=tmp_path / "run")
    events = read(tmp_path / "run")
    assert [scalar.step for scalar in events.Scalars("val/loss")] == [23, 46, 69]
    assert len(events.Images("train/batch")) == 1


@pytest.mark.parametrize(("form", "graph"), [("dict", True), ("refuses", False)])
def test_a_model_that_is_hard_to_trace_trains_all_the_same(
    form: str, graph: bool, train: Train, local_plugin: Any, tmp_path: Path
) -> None:
    local_plugin(PLUGIN)
    run = train(["model.use=odd", f"model.form={form}", "log.tensorboard=true"])
    assert run.steps == 23
    events = read(tmp_path / "run")
    assert events.Tags()["graph"] is graph
    if not graph:
        text = events.Tensors("graph/text_summary")[0].tensor_proto.string_val[0].decode()
        assert text == "The model could not be traced: RuntimeError: cannot be traced"


def test_bytes_are_drawn_as_they_are_and_normalised_pictures_stretched() -> None:
    grey = torch.full((3, 1, 4, 4), 51, dtype=torch.uint8)
    assert draw_batch(grey)[:, 1:5, 1:5].unique().tolist() == pytest.approx([0.2])
    normalised = torch.linspace(-2, 3, 48).reshape(1, 3, 4, 4)
    drawn = draw_batch(normalised)
    assert (drawn.min().item(), drawn.max().item()) == (0, 1)
    assert draw_batch(torch.zeros(40, 3, 4, 4)).shape == (3, 2 * 5 + 1, 8 * 5 + 1)
