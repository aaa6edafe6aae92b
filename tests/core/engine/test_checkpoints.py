"""Which checkpoint is taken, and what is read from it."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.core.engine.conftest import link, names, save, state_at
from torch import nn

from retinue.engine.checkpoints import (
    check_whole,
    find_checkpoint,
    load_state,
    load_weights,
    read_weights,
    restore_replaced,
)
from retinue.errors import RunDirectoryError
from retinue.rundir import RunDirectory

FILES = ("model.safetensors", "state.pt", "manifest.json")


def test_what_is_saved_is_loaded(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    model = nn.Linear(2, 1)
    load_weights(model, read_weights(directory.checkpoint(10)), directory.checkpoint(10))
    assert model.weight.tolist() == [[10.0, 10.0]]
    assert load_state(directory.checkpoint(10)) == state_at(10)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {"truncated": truncate, "flipped": flip, "missing": Path.unlink}


@pytest.mark.parametrize(
    ("file", "damage"),
    # Which bit of a manifest is flipped decides whether it is still one.
    [(file, damage) for file in FILES for damage in DAMAGE if (file, damage) != ("manifest.json", "flipped")],
)
def test_a_damaged_one_is_named_and_the_one_before_it_used(
    file: str, damage: str, directory: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    save(directory, {10: 0.5, 20: 0.6})
    DAMAGE[damage](directory.checkpoint(20) / file)
    assert find_checkpoint(directory, "last") == directory.checkpoint(10)
    message = caplog.messages[0]
    assert len(caplog.messages) == 1
    for part in (f"checkpoint {directory.checkpoint(20)} is damaged", file, "step-00000010 is used in its place"):
        assert part in message


@pytest.mark.parametrize(
    "manifest",
    [
        "[]",
        "{}",
        '{"step": 20, "values": {}, "sha256": {}}',
        '{"step": 20, "values": {}, "sha256": {"../../../x": "0"}}',
        '{"step": 20, "values": 3, "sha256": {}}',
    ],
)
def test_a_manifest_that_does_not_vouch_for_the_files_is_damage(manifest: str, directory: RunDirectory) -> None:
    save(directory, {10: 0.5, 20: 0.6})
    (directory.checkpoint(20) / "manifest.json").write_text(manifest)
    assert find_checkpoint(directory, "last") == directory.checkpoint(10)


def test_a_damaged_best_gives_way_to_the_last(directory: RunDirectory) -> None:
    save(directory, {10: 0.9, 20: 0.5, 30: 0.4})
    flip(directory.checkpoint(10) / "model.safetensors")
    assert find_checkpoint(directory, "best", "last") == directory.checkpoint(30)


def test_where_all_are_damaged_each_is_named(directory: RunDirectory) -> None:
    save(directory, {10: 0.5, 20: 0.6})
    flip(directory.checkpoint(10) / "state.pt")
    shutil.rmtree(directory.checkpoint(20))
    directory.checkpoint(20).mkdir()
    with pytest.raises(RunDirectoryError, match=r"step-00000020 is damaged: .*step-00000010 is damaged: state\.pt"):
        find_checkpoint(directory, "last")


def test_a_run_without_any_is_told_so(directory: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="has no checkpoint yet"):
        find_checkpoint(directory, "best", "last")


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (Path.touch, (self.target,))


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_code_in_a_state_is_refused_and_not_executed(write: Any, directory: RunDirectory, tmp_path: Path) -> None:
    save(directory, {10: 0.5})
    path = directory.checkpoint(10)
    write({"run": Malicious(tmp_path / "executed")}, path / "state.pt")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"]["state.pt"] = hashlib.sha256((path / "state.pt").read_bytes()).hexdigest()
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert find_checkpoint(directory, "last") == path
    with pytest.raises(RunDirectoryError, match=r"state\.pt is refused: it holds more than plain data$"):
        load_state(path)
    assert not (tmp_path / "executed").exists()


def test_an_unreadable_state_is_one_sentence(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    truncate(directory.checkpoint(10) / "state.pt")
    with pytest.raises(RunDirectoryError, match=r"state\.pt cannot be read"):
        load_state(directory.checkpoint(10))


def test_weights_of_another_model_are_refused(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    with pytest.raises(RunDirectoryError, match="do not fit the model"):
        load_weights(nn.Linear(3, 1), read_weights(directory.checkpoint(10)), directory.checkpoint(10))


@pytest.mark.parametrize("is_placed", [False, True], ids=["between the renames", "after the renames"])
def test_a_crash_while_a_step_is_saved_again_loses_nothing(is_placed: bool, directory: RunDirectory) -> None:
    save(directory, {10: 0.5, 20: 0.6})
    set_aside = directory.checkpoints / ".step-00000020-replaced"
    directory.checkpoint(20).rename(set_aside)
    if is_placed:
        save(directory, {20: 0.7})
        shutil.copytree(directory.checkpoint(10), set_aside, dirs_exist_ok=True)
    assert directory.has_begun()
    assert find_checkpoint(directory, "last") == directory.checkpoint(20 if is_placed else 10)
    restore_replaced(directory)
    assert find_checkpoint(directory, "last") == directory.checkpoint(20)
    check_whole(directory.checkpoint(20))
    assert names(directory) == {"step-00000010", "step-00000020", "last", "best"}
    assert link(directory, "last") == "step-00000020"
