"""Fine-tuning from a spec: earlier weights, a new head, a backbone that learns later."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import retinue as package

LENET = {"model": {"use": "lenet"}, "log.tensorboard": False}
FROZEN = [{"match": "conv*", "until": "2ep"}]


@pytest.fixture
def weights(spec: Path, tmp_path: Path) -> Path:
    """Weights for ten digits."""
    run = package.train(spec, {**LENET, "train.epochs": 1}, tmp_path / "pretrained")
    return run.directory.path / "checkpoints" / "best" / "model.safetensors"


def test_a_new_head_on_a_backbone_that_learns_later(
    spec: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = {
        **LENET,
        "data.train": {"use": "fake", "size": [8, 8], "channels": 1, "classes": 4},
        "data.val": {"use": "fake", "size": [8, 8], "channels": 1, "classes": 4, "seed": 1},
        "finetune": {"weights": str(weights), "freeze": FROZEN},
        "checkpoint.last": 5,
    }
    run = package.train(spec, overrides, tmp_path / "tuned")
    said = capsys.readouterr().err
    assert "fc3.weight (10 x 84 in the file, 4 x 84 here)" in said
    assert "fc3.weight (10 x 84" in (tmp_path / "tuned" / "log.txt").read_text()
    before = load_file(weights)
    steps = run.directory.checkpoint_steps()
    backbone = [load_file(run.directory.checkpoint(step) / "model.safetensors") for step in steps]
    convolutions = [name for name in before if name.startswith("conv")]
    per_epoch = steps[-1] // 3
    for step, tensors in zip(steps, backbone, strict=True):
        unchanged = all(torch.equal(before[name], tensors[name]) for name in convolutions)
        assert unchanged == (step <= 2 * per_epoch), step
        assert tensors["fc3.weight"].shape[0] == 4
