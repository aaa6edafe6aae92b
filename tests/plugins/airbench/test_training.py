"""The example spec, narrower and on few pictures: it learns, goes on, and runs as [train] may say."""

from __future__ import annotations

import gzip
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from retinue import train
from retinue.build.inspection import inspect_run
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

Command = Callable[..., "subprocess.CompletedProcess[str]"]

SPEC = Path(__file__).parents[3] / "docs/examples/airbench.toml"
RECORD = 1 + 3 * 32 * 32
TRAIN, VAL = 1000, 250

SMALL = [
    "model.model={ use = 'airbench', widths = [16, 32, 32] }",
    "data.batch_size=125",
    "train.precision=fp32",
    "log.tensorboard=false",
]
SGD = [
    "optimizer={ use = 'sgd', lr = 0.5, momentum = 0.85, nesterov = true, weight_decay = 1.3e-3 }",
    "finetune={ groups = [{ match = '*norm*', lr = 32, weight_decay = 2e-5 }] }",
]


MADE_UP = """
spec = 1
name = "made-up"
data.batch_size = 32
data.train = { use = "fake", samples = 96 }
model = { use = "flip-average", model = { use = "airbench", widths = [8, 8, 8] } }
optimizer = { use = "muon", lr = 0.1 }
train = { epochs = 2, device = "cpu" }
log.tensorboard = false
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> list[str]:
    """What makes the example take a few lossless pictures of CIFAR-10."""
    records = test_data / "cifar10" / "cifar10_train_first4000.bin.gz"
    if not records.is_file():
        pytest.skip(f"no {records}")
    folder = tmp_path_factory.mktemp("cifar10")
    rows = np.frombuffer(gzip.decompress(records.read_bytes()), np.uint8).reshape(-1, RECORD)
    for number, row in enumerate(rows[: TRAIN + VAL]):
        path = folder / ("train" if number < TRAIN else "val") / str(row[0]) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(path)
    parts = ("train", "val")
    return [
        change for part in parts for change in (f"data.{part}.use=image-folder", f"data.{part}.root={folder / part}")
    ]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec on made-up pictures."""
    path = tmp_path / "spec.toml"
    path.write_text(MADE_UP)
    return path


@pytest.mark.parametrize("optimizer", [[], SGD], ids=["muon", "sgd"])
def test_it_learns_in_a_few_seconds(optimizer: list[str], pictures: list[str], tmp_path: Path) -> None:
    run = train(SPEC, [*pictures, *SMALL, *optimizer, "train.epochs=5"], tmp_path / "run")
    assert run.metrics["val/accuracy"] > 0.25


def test_resumed_it_goes_on_bit_for_bit(spec: Path, tmp_path: Path) -> None:
    train(spec, out=tmp_path / "whole")
    train(spec, ["train.epochs=1"], tmp_path / "cut")
    train(resume=tmp_path / "cut", overrides=["train.epochs=2"])
    whole, cut = (read_weights(tmp_path / name) for name in ("whole", "cut"))
    assert whole["model.whiten.filters"].any()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_check_and_summary_follow_it(spec: Path) -> None:
    """They train a copy on what has no values."""
    found = inspect_run(make_plan(load_spec(spec), Registry(RegistryFile(None))))
    assert found["output"] == "32 x 10"
    assert found["parameters that learn"] < found["parameters"]


@pytest.mark.parametrize(
    "changes",
    [
        ["train.precision=fp16", "train.accumulate=2", "train.ema=0.9", "train.skip_nonfinite=1"],
        ["train.precision=bf16", "train.channels_last=true", "train.gradient_checkpointing=true"],
        ['finetune.freeze=[{ match = "model.groups.0.*", until = "1ep" }]', "train.clip_norm=1"],
    ],
    ids=["fp16", "bf16", "frozen"],
)
def test_it_runs_as_train_may_say(changes: list[str], spec: Path, tmp_path: Path) -> None:
    run = train(spec, changes, tmp_path / "run")
    assert run.metrics["train/loss"] < math.log(10)


@pytest.mark.slow
def test_processes_whiten_together(spec: Path, tmp_path: Path, retinue: Command) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for processes, run in enumerate(runs, start=1):
        done = retinue("train", spec, "--processes", processes, "train.epochs=1", "--out", run)
        assert done.returncode == 0, done.stderr
    one, two = (read_weights(run)["model.whiten.filters"] for run in runs)
    # Sums in another order; filters of half a batch differ by more than 1.
    torch.testing.assert_close(one, two, rtol=0, atol=0.05)


def read_weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / "last" / "model.safetensors")
