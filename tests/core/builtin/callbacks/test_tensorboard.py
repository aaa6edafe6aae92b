"""Read with TensorBoard's own reader."""

import io
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from retinue.api.sheet import MARGIN
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
    events = accumulation.EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "histograms": 0})
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
    assert [image.step for image in events.Images("train/batch")] == [1]
    assert sum(node.op == "aten::linear" for node in events.Graph().node) == 2


def test_without_it_nothing_is_written(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": False})
    assert not list((tmp_path / "run").glob("events.*"))


def test_it_changes_nothing_in_the_run(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": True, "model.dropout": 0.5}, "with")
    train({"log.tensorboard": False, "model.dropout": 0.5}, "without")
    with_it, without = ((tmp_path / n / "checkpoints/last/model.safetensors").read_bytes() for n in ("with", "without"))
    assert with_it == without


def test_a_run_that_is_resumed_at_once_goes_on_with_its_curves(
    train: Train, local_plugin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Event files are named by the second."""
    local_plugin(PLUGIN)
    monkeypatch.setattr("tensorboardX.event_file_writer.time.time", lambda: 1_700_000_000.0)
    overrides = {"log.tensorboard": True, "train.epochs": 3, "callbacks": [{"use": "interrupt", "at": 60}]}
    with pytest.raises(Interrupted):
        train(overrides)
    train_spec(resume=tmp_path / "run")
    events = read(tmp_path / "run")
    assert [scalar.step for scalar in events.Scalars("val/loss")] == [23, 46, 69]
    assert len(events.Images("train/batch")) == 1


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(train: Train, tmp_path: Path) -> None:
    train({"log.tensorboard": True, "train.epochs": 3, "optimizer.lr": 1e-9})
    (tmp_path / "run" / "checkpoints" / "step-00000069" / "state.pt").unlink()
    train_spec(resume=tmp_path / "run")
    events = read(tmp_path / "run")
    assert len(list((tmp_path / "run").glob("events.*"))) == 2
    assert [scalar.step for scalar in events.Scalars("val/loss")] == [23, 46, 69]


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


def test_histograms_of_weights_and_gradients_are_those_of_the_epoch(train: Train, tmp_path: Path) -> None:
    run = train({"log.tensorboard": True, "train.epochs": 2})
    events = read(tmp_path / "run")
    parameters = dict(run.model.named_parameters())
    assert set(events.Tags()["histograms"]) == {f"{k}/{name}" for k in ("weights", "gradients") for name in parameters}
    for name, parameter in parameters.items():
        first, last = events.Histograms(f"weights/{name}")
        assert (first.step, last.step) == (23, 46)
        found = last.histogram_value
        values = parameter.detach().double().flatten().tolist()
        assert (found.num, sum(found.bucket)) == (len(values), len(values))
        assert [found.min, found.max, found.sum] == pytest.approx([min(values), max(values), sum(values)], abs=1e-5)
        assert events.Histograms(f"gradients/{name}")[-1].histogram_value.max > 0


def test_text_shows_the_spec_and_the_values_of_each_class(train: Train, tmp_path: Path) -> None:
    metrics = {"accuracy": "accuracy", "recall": {"use": "recall", "average": "none"}, "confusion": "confusion-matrix"}
    train({"log.tensorboard": True, "metrics": metrics})
    events = read(tmp_path / "run")
    [spec] = events.Tensors("spec/text_summary")
    text = spec.tensor_proto.string_val[0].decode()
    assert yaml.safe_load(textwrap.dedent(text))["metrics"] == metrics
    assert all(line.startswith("    ") for line in text.splitlines())
    [table] = events.Tensors("val/classes/text_summary")
    [record] = epochs(tmp_path / "run")
    rows = table.tensor_proto.string_val[0].decode().splitlines()[2:]
    assert rows == [f"| {digit} | {record[f'val/recall/{digit}']:.4g} |" for digit in range(10)]
    assert {"train/confusion", "val/confusion"} <= set(events.Tags()["images"])
    assert not [name for name in events.Tags()["scalars"] if "confusion" in name]
    assert "val/recall/7" in events.Tags()["scalars"]


@pytest.mark.parametrize("validated", [True, False])
def test_predictions_are_drawn_every_epoch_on_the_same_samples(validated: bool, train: Train, tmp_path: Path) -> None:
    overrides = {"log.tensorboard": True, "train.epochs": 3, "optimizer.lr": 1e-12, "model.dropout": 0.9}
    train({**overrides, **({} if validated else {"data.train": "digits", "data.val": None})})
    images = read(tmp_path / "run").Images("predictions")
    steps = 23 if validated else 29
    assert [image.step for image in images] == [steps, 2 * steps, 3 * steps]
    assert len({image.encoded_image_string for image in images}) == 1


def test_hyperparameters_are_written_when_the_run_is_over(train: Train, local_plugin: Any, tmp_path: Path) -> None:
    local_plugin(PLUGIN)
    with pytest.raises(Interrupted):
        train({"log.tensorboard": True, "train.epochs": 2, "callbacks": [{"use": "interrupt", "at": 30}]})
    assert "_hparams_/experiment" not in read(tmp_path / "run").summary_metadata
    train_spec(resume=tmp_path / "run")
    events = read(tmp_path / "run")
    start, experiment = (
        HParamsPluginData.FromString(events.summary_metadata[f"_hparams_/{part}"].plugin_data.content)
        for part in ("session_start_info", "experiment")
    )
    settings = start.session_start_info.hparams
    assert settings["optimizer.lr"].number_value == 0.1
    assert settings["model.use"].string_value == "builtin/mlp"
    named = {info.name.tag for info in experiment.experiment.metric_infos}
    assert {"train/loss", "val/loss", "val/accuracy"} <= named <= set(events.Tags()["scalars"])


@pytest.mark.parametrize("default", [True, False])
def test_named_with_parameters_it_replaces_the_default(default: bool, train: Train, tmp_path: Path) -> None:
    named = {"use": "tensorboard", "pictures": 0, "histograms": False, "graph": False}
    run = train({"log.tensorboard": default, "callbacks": [named]})
    assert [planned.component.canonical for planned in run.plan.callbacks] == ["builtin/tensorboard"]
    tags = read(tmp_path / "run").Tags()
    assert "val/loss" in tags["scalars"]
    assert (tags["images"], tags["histograms"], tags["graph"]) == ([], [], False)


def test_masks_are_drawn(train: Train, tmp_path: Path) -> None:
    data = {"use": "digit-scenes", "samples": 8, "size": [32, 32]}
    model = {"use": "torchvision/lraspp_mobilenet_v3_large"}
    transforms = [{"use": "rgb"}]
    train(
        {
            **{"task": "segmentation", "model": model, "log.tensorboard": False, "data.batch_size": 8},
            "callbacks": [{"use": "tensorboard", "pictures": 4, "graph": False, "histograms": False}],
            "data.train": {**data, "part": "train", "transforms": transforms},
            "data.val": {**data, "part": "val", "transforms": transforms},
        }
    )
    events = read(tmp_path / "run")
    [batch], [predicted] = events.Images("train/batch"), events.Images("predictions")
    # Tiles are 96 pixels wide; of predictions, two and a gap between them.
    assert batch.width == 2 * 96 + 3 * MARGIN
    assert (predicted.width - MARGIN) % (3 * (32 + 2 + 32) + MARGIN) == 0
    pixels = np.asarray(Image.open(io.BytesIO(batch.encoded_image_string)).convert("RGB")).astype(int)
    inside = pixels[MARGIN : MARGIN + 96, MARGIN : MARGIN + 96]
    assert (inside.max(axis=2) != inside.min(axis=2)).any(), "grey scenes have no colours but those of the masks"
