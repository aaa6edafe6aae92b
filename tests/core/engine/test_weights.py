"""Weights from files: what fits is loaded, what does not is said, and nothing in a file is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from retinue.engine.weights import read_weights, transfer_weights
from retinue.errors import DataError


def make_model(classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, classes))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    ],
    ids=["plain", "state_dict", "DataParallel", "compiled"],
)
def test_what_training_scripts_wrap_around_is_taken_off(tmp_path: Path, wrap: Any) -> None:
    state = make_model(2).state_dict()
    torch.save(wrap(state), tmp_path / "w.pth")
    read = read_weights(tmp_path / "w.pth")
    assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("name", ["nothing.pt", "x" * 300 + ".pt", "a\0.pt"])
def test_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no weights file {tmp_path}/{name}"):
        read_weights(tmp_path / name)


def test_a_head_of_another_size_is_left_and_named(tmp_path: Path) -> None:
    old, new = make_model(10), make_model(2)
    fresh = new[2].weight.clone()
    save_file(old.state_dict(), tmp_path / "w.safetensors")
    result = transfer_weights(new, read_weights(tmp_path / "w.safetensors"), tmp_path)
    assert torch.equal(new[0].weight, old[0].weight)
    assert torch.equal(new[2].weight, fresh)
    assert result.resized == ["2.weight (10 x 3 in the file, 2 x 3 here)", "2.bias (10 in the file, 2 here)"]
    assert "2.weight (10 x 3 in the file, 2 x 3 here)" in str(result)


def test_missing_and_unused_tensors_are_named() -> None:
    model = make_model(2)
    weights = model.state_dict()
    del weights["0.bias"], weights["1.num_batches_tracked"]
    result = transfer_weights(model, {**weights, "extra": torch.zeros(1)}, Path("w.pt"))
    assert (result.missing, result.unused) == (["0.bias"], ["extra"])


def test_a_file_of_another_network_is_refused() -> None:
    with pytest.raises(DataError, match=r"fits nothing .* it has conv, .* the model has 0\.weight"):
        transfer_weights(make_model(2), {"conv": torch.zeros(1)}, Path("w.pt"))


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_is_more_than_tensors_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Malicious(tmp_path / "run")}, tmp_path / "w.pt")
    with pytest.raises(DataError, match="convert it once: python -c"):
        read_weights(tmp_path / "w.pt")
    assert not (tmp_path / "run").exists()


def test_the_conversion_that_is_told_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    model = nn.Linear(2, 1)
    torch.save(model, tmp_path / "whole.pt")
    with pytest.raises(DataError) as refusal:
        read_weights(tmp_path / "whole.pt")
    code = str(refusal.value).split('python -c "')[1].removesuffix('"')
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert torch.equal(read_weights(tmp_path / "weights.pt")["weight"], model.weight)


@pytest.mark.parametrize("name", ["gone.pt", "damaged.pt", "damaged.safetensors", "empty.pt"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "damaged.pt").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"\x00" * 20)
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(DataError, match=name):
        read_weights(tmp_path / name)
