import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retinue.engine.checkpoints import (
    CheckpointStore,
    Watch,
    check_whole,
    find_checkpoint,
    load_state,
    load_weights,
)
from retinue.errors import RunDirectoryError
from retinue.rundir import RunDirectory

FILES = ("model.safetensors", "state.pt", "manifest.json")
ACCURACY = "val/accuracy"


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.make()
    return found


def model_at(step: int) -> nn.Module:
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, float(step))
    return model


def save(
    directory: RunDirectory, values: dict[int, float | None], last: int = 1, keep: int = 1, higher: bool = True
) -> CheckpointStore:
    """Save a checkpoint for each step, with what it logged; None for one in mid-epoch."""
    store = CheckpointStore(directory, Watch(ACCURACY, "best", higher, keep), last)
    for step, value in values.items():
        logged = {} if value is None else {ACCURACY: value}
        store.save(model_at(step), {"step": step}, step, epoch=step // 10, values=logged)
    return store


def names(directory: RunDirectory) -> set[str]:
    return {path.name for path in directory.checkpoints.iterdir()}


def link(directory: RunDirectory, name: str) -> str:
    path = directory.checkpoints / name
    assert path.is_symlink()
    assert (path / "model.safetensors").is_file()
    return os.readlink(path)


def test_a_checkpoint_is_three_files_and_their_hashes(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    path = directory.checkpoint(10)
    assert {file.name for file in path.iterdir()} == set(FILES)
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["step"], manifest["epoch"], manifest["values"]) == (10, 1, {ACCURACY: 0.5})
    assert manifest["sha256"] == {
        name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in ("model.safetensors", "state.pt")
    }


def test_what_is_saved_is_loaded(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    model = nn.Linear(2, 1)
    load_weights(model, directory.checkpoint(10))
    assert model.weight.tolist() == [[10.0, 10.0]]
    assert load_state(directory.checkpoint(10)) == {"step": 10}


def test_links_are_relative_and_survive_a_move(directory: RunDirectory, tmp_path: Path) -> None:
    save(directory, {10: 0.5, 20: 0.4})
    assert link(directory, "last") == "step-00000020"
    assert link(directory, "best") == "step-00000010"
    directory.path.rename(tmp_path / "elsewhere")
    moved = RunDirectory(tmp_path / "elsewhere")
    assert find_checkpoint(moved, "best", "last") == moved.checkpoint(10)


@pytest.mark.parametrize(
    ("higher", "best"), [(True, "step-00000020"), (False, "step-00000040")], ids=["more is better", "less is better"]
)
def test_the_best_is_found_by_its_direction(higher: bool, best: str, directory: RunDirectory) -> None:
    save(directory, {10: 0.5, 20: 0.9, 30: 0.9, 40: 0.2}, last=4, higher=higher)
    assert link(directory, "best") == best


def test_two_at_least_are_kept(directory: RunDirectory) -> None:
    save(directory, {10: None, 20: None, 30: None}, last=1)
    assert names(directory) == {"step-00000020", "step-00000030", "last"}


def test_as_many_as_asked_are_kept(directory: RunDirectory) -> None:
    save(directory, dict.fromkeys(range(10, 60, 10)), last=3)
    assert names(directory) == {"step-00000030", "step-00000040", "step-00000050", "last"}


@pytest.mark.parametrize(("keep", "kept"), [(1, {20}), (2, {20, 10}), (3, {20, 10, 30})])
def test_the_best_are_kept_when_they_are_old(keep: int, kept: set[int], directory: RunDirectory) -> None:
    save(directory, {10: 0.8, 20: 0.9, 30: 0.7, 40: 0.1, 50: 0.2, 60: 0.3}, keep=keep)
    assert names(directory) == {*(f"step-{step:08d}" for step in kept | {50, 60}), "last", "best"}
    assert link(directory, "best") == "step-00000020"


def test_a_value_that_is_no_number_is_never_best(directory: RunDirectory) -> None:
    save(directory, {10: float("nan"), 20: 0.1, 30: float("nan")})
    assert link(directory, "best") == "step-00000020"
    assert "NaN" not in (directory.checkpoint(30) / "manifest.json").read_text()


def test_a_step_that_is_saved_again_is_replaced(directory: RunDirectory) -> None:
    store = save(directory, {10: 0.5, 20: 0.6})
    store.save(model_at(99), {"step": "again"}, 20, 2, {ACCURACY: 0.1})
    assert load_state(directory.checkpoint(20)) == {"step": "again"}
    assert link(directory, "best") == "step-00000010"
    check_whole(directory.checkpoint(20))


def test_what_a_killed_process_left_half_written_is_no_checkpoint(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    left = directory.checkpoints / ".step-00000020"
    left.mkdir()
    (left / "state.pt").write_bytes(b"half")
    assert directory.checkpoint_steps() == [10]
    assert find_checkpoint(directory, "last") == directory.checkpoint(10)
    save(directory, {20: 0.6})
    assert not left.exists()
    check_whole(directory.checkpoint(20))


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


def test_a_resumed_run_begins_without_what_came_after(directory: RunDirectory) -> None:
    """The damaged one that was passed over, for one: it must not count as kept, nor as the last."""
    store = save(directory, {10: 0.5, 20: 0.6, 30: 0.9}, last=3)
    flip(directory.checkpoint(30) / "state.pt")
    store.cut(20)
    assert names(directory) == {"step-00000010", "step-00000020", "last", "best"}
    assert link(directory, "last") == link(directory, "best") == "step-00000020"


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
        load_weights(nn.Linear(3, 1), directory.checkpoint(10))


def test_tied_weights_are_saved_once_and_stay_tied(directory: RunDirectory) -> None:
    def tied() -> nn.Module:
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        model[1].weight = model[0].weight
        return model

    store = save(directory, {})
    saved, loaded = tied(), tied()
    store.save(saved, {}, 10, 1, {})
    load_weights(loaded, directory.checkpoint(10))
    assert torch.equal(loaded[1].weight, saved[0].weight)
    assert loaded[1].weight is loaded[0].weight
