"""From a spec to a run directory, an evaluation and a prediction, through the command as scripts use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import retinue as package

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "examples" / "seven.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, learnt well enough to read one."""
    directory = tmp_path_factory.mktemp("digits") / "run"
    overrides = {"model.use": "lenet", "train.epochs": 8, "optimizer.use": "adam", "optimizer.lr": 0.01}
    package.train(ROOT / "docs" / "examples" / "digits.toml", overrides, directory)
    return directory


def test_train_prints_the_run_directory_last(retinue, spec: Path, tmp_path: Path) -> None:
    done = retinue("train", spec, "--out", "out", "train.epochs=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "out"
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "spec.toml",
        "resolved.toml",
        "run.lock",
        "metrics.jsonl",
        "log.txt",
        "checkpoints",
    }
    assert (tmp_path / "out" / "spec.toml").read_text() == spec.read_text()
    assert "Traceback" not in done.stderr


def test_train_names_its_own_directory_and_prints_json(retinue, spec: Path, tmp_path: Path) -> None:
    done = retinue("train", spec, "train.epochs=1", "--json")
    result = json.loads(done.stdout.splitlines()[-1])
    run = tmp_path / result["run"]
    assert run.parent == tmp_path / "runs" / "small"
    assert (result["epochs"], result["steps"]) == (1, 23)
    assert {"train/loss", "val/loss", "val/accuracy", "lr"} <= result["metrics"].keys()
    assert (run / "checkpoints" / "last" / "model.safetensors").is_file()
    assert (run / "checkpoints" / "best" / "model.safetensors").is_file()


def test_a_directory_with_something_in_it_is_refused(retinue, spec: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("the only copy")
    done = retinue("train", spec, "--out", "out")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_metrics_tell_each_epoch_and_step(run: Path, records) -> None:
    found = records(run)
    epochs = [record for record in found if record["event"] == "epoch"]
    assert [record["epoch"] for record in epochs] == list(range(1, 9))
    assert {"step", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr"} <= epochs[-1].keys()
    assert [record["step"] for record in found if record["event"] == "step"] == [50, 100, 150]
    assert epochs[-1]["val/accuracy"] > 0.85


def test_evaluate_prints_the_best_checkpoints_metrics(retinue, run: Path, records) -> None:
    values = json.loads(retinue("evaluate", run, "--json").stdout)
    best = max(record["val/accuracy"] for record in records(run) if record["event"] == "epoch")
    assert values["val/accuracy"] == pytest.approx(best)
    refused = retinue("evaluate", run, "--split", "test")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "test" in refused.stderr


def test_predict_prints_one_object_a_picture(retinue, run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(PICTURE.read_bytes()[:40])
    done = retinue("predict", run, PICTURE, tmp_path / "broken.png", PICTURE, "--json")
    first, broken, last = map(json.loads, done.stdout.splitlines())
    assert first == last
    assert (first["path"], first["label"]) == (str(PICTURE), "7")
    assert first["probability"] == first["top"][0]["probability"] > 0.5
    assert [entry["probability"] for entry in first["top"]] == sorted(
        (entry["probability"] for entry in first["top"]), reverse=True
    )
    assert "broken.png" in broken["error"]
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_folder_of_runs_means_the_latest(retinue, run: Path) -> None:
    assert retinue("predict", run.parent, PICTURE).stdout.startswith(f"{PICTURE}: 7 ")


def test_load_model_gives_the_best_weights_in_eval_mode(run: Path) -> None:
    model = package.load_model(run)
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    saved = package.SavedRun(run)
    assert saved.metrics["val/accuracy"] > 0.85
    assert saved.predict(PICTURE)["label"] == "7"


def test_tensorboards_own_reader_finds_scalars_pictures_and_graph(run: Path) -> None:
    events = EventAccumulator(str(run), size_guidance={"images": 0}).Reload()
    tags = events.Tags()
    assert {"train/loss", "val/accuracy", "lr"} <= set(tags["scalars"])
    assert len(events.Scalars("val/accuracy")) == 8
    assert "train/batch" in tags["images"]
    assert tags["graph"] is True
    assert "Conv" in str(events.Graph())


def test_a_run_says_who_made_it(run: Path) -> None:
    lock = json.loads((run / "run.lock").read_text())
    made_by = {component["name"]: component for component in lock["components"]}
    assert made_by["builtin/lenet"]["distribution"] == "retinue"
    assert len(made_by["builtin/lenet"]["sha256"]) == 64
    assert lock["data"]["classes"] == list("0123456789")


@pytest.mark.parametrize("name", ["evaluate", "predict"])
def test_what_is_no_run_is_said_to_be_none(retinue, name: str, tmp_path: Path) -> None:
    done = retinue(name, tmp_path, *([PICTURE] if name == "predict" else []))
    assert done.returncode == 2
    assert "no run directory" in done.stderr
    assert "Traceback" not in done.stderr
