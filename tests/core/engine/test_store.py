"""Which checkpoints there are, and what becomes of them when a write fails."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from tests.core.engine.conftest import ACCURACY, link, model_at, names, save, state_at
from torch import nn

from retinue.engine import store as module
from retinue.engine.checkpoints import check_whole, find_checkpoint, load_state, load_weights, read_weights
from retinue.engine.store import CheckpointStore, Watch
from retinue.errors import TrainingError
from retinue.rundir import RunDirectory

FILES = ("model.safetensors", "state.pt", "manifest.json")


def test_a_checkpoint_is_three_files_and_their_hashes(directory: RunDirectory) -> None:
    save(directory, {10: 0.5})
    path = directory.checkpoint(10)
    assert {file.name for file in path.iterdir()} == set(FILES)
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["step"], manifest["epoch"], manifest["values"]) == (10, 1, {ACCURACY: 0.5})
    assert manifest["sha256"].keys() == set(FILES)
    for name in ("model.safetensors", "state.pt"):
        assert manifest["sha256"][name] == hashlib.sha256((path / name).read_bytes()).hexdigest()


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
    store.save(model_at(99).state_dict(), state_at(99), 20, 2, {ACCURACY: 0.1})
    store.wait()
    assert load_state(directory.checkpoint(20)) == state_at(99)
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


def test_a_resumed_run_begins_without_what_came_after(directory: RunDirectory) -> None:
    """The damaged one that was passed over, for one: it must not count as kept, nor as the last."""
    store = save(directory, {10: 0.5, 20: 0.6, 30: 0.9}, last=3)
    (directory.checkpoint(30) / "state.pt").write_bytes(b"")
    store.cut(20)
    assert names(directory) == {"step-00000010", "step-00000020", "last", "best"}
    assert link(directory, "last") == link(directory, "best") == "step-00000020"


def test_tied_weights_stay_tied(directory: RunDirectory) -> None:
    def tied() -> nn.Module:
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        model[1].weight = model[0].weight
        return model

    store = save(directory, {})
    saved, loaded = tied(), tied()
    store.save(saved.state_dict(), {}, 10, 1, {})
    store.wait()
    load_weights(loaded, read_weights(directory.checkpoint(10)), directory.checkpoint(10))
    assert torch.equal(loaded[1].weight, saved[0].weight)
    assert loaded[1].weight is loaded[0].weight


def test_training_goes_on_while_a_copy_is_written(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def write_late(*given: Any) -> None:
        assert let_go.wait(30)
        save_file(*given)

    monkeypatch.setattr(module, "save_file", write_late)
    store = save(directory, {})
    model, moving = model_at(10), {"optimizer": {"state": [torch.ones(3)]}, "weights": None}
    store.save(model.state_dict(), moving, 10, 1, {})
    assert directory.checkpoint_steps() == []
    nn.init.constant_(model.weight, -1.0)
    moving["optimizer"]["state"][0].zero_()
    let_go.set()
    store.wait()
    assert read_weights(directory.checkpoint(10))["weight"].tolist() == [[10.0, 10.0]]
    assert load_state(directory.checkpoint(10))["optimizer"]["state"][0].tolist() == [1.0, 1.0, 1.0]


WATCHES = [
    Watch(ACCURACY, "best", higher=True, keep=1),
    Watch("val/iou", "best-val-iou", higher=True, keep=2),
    Watch("val/loss", "best-val-loss", higher=False, keep=1),
]


def test_each_watch_has_its_link_and_keeps_its_own(directory: RunDirectory) -> None:
    store = CheckpointStore(directory, WATCHES, last=1)
    accuracy, iou, loss = [0.9, 0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.9, 0.8, 0.3, 0.4], [3, 1, 2, 3, 4, 5]
    for number, values in enumerate(zip(accuracy, iou, loss, strict=True), start=1):
        logged = dict(zip((ACCURACY, "val/iou", "val/loss"), values, strict=True))
        store.save(model_at(number).state_dict(), {}, 10 * number, number, logged)
    store.wait()
    kept = {f"step-{step:08d}" for step in (10, 20, 30, 40, 50, 60)}
    assert names(directory) == {*kept, "last", "best", "best-val-iou", "best-val-loss"}
    leads = {watch.metric: link(directory, watch.link) for watch in WATCHES}
    assert leads == {ACCURACY: "step-00000010", "val/iou": "step-00000030", "val/loss": "step-00000020"}
    store.save(model_at(7).state_dict(), {}, 70, 7, {ACCURACY: 0.95, "val/iou": 0.85, "val/loss": 0.5})
    store.wait()
    assert directory.checkpoint_steps() == [30, 60, 70]
    assert {link(directory, name) for name in ("best", "best-val-loss", "last")} == {"step-00000070"}


ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("ask", ["wait", "save", "has"])
def test_a_write_that_fails_is_told_and_leaves_what_was_there(
    ask: str, error: Exception, directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = save(directory, {10: 0.5, 20: 0.6})

    def fail(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with monkeypatch.context() as full:
        full.setattr(torch, "save", fail)
        store.save(model_at(30).state_dict(), {}, 30, 3, {ACCURACY: 0.9})
        ways = {
            "wait": store.wait,
            "save": lambda: store.save(model_at(31).state_dict(), {}, 31, 3, {}),
            "has": lambda: store.has(30),
        }
        with pytest.raises(TrainingError, match=r"^the checkpoint of step 30 cannot be written: ") as caught:
            ways[ask]()
    assert str(error) in str(caught.value)
    assert names(directory) == {"step-00000010", "step-00000020", "last", "best"}
    assert link(directory, "last") == link(directory, "best") == "step-00000020"
    assert find_checkpoint(directory, "last") == directory.checkpoint(20)
    # There is room again.
    store.save(model_at(30).state_dict(), {}, 30, 3, {ACCURACY: 0.9})
    store.wait()
    assert link(directory, "best") == "step-00000030"


def test_a_step_that_cannot_be_saved_again_stays_as_it_was(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = save(directory, {10: 0.5, 20: 0.6})
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == ".step-00000020":
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    with monkeypatch.context() as failing:
        failing.setattr(Path, "rename", fail)
        store.save(model_at(99).state_dict(), state_at(99), 20, 2, {})
        with pytest.raises(TrainingError, match="step 20 cannot be written"):
            store.wait()
    assert load_state(find_checkpoint(directory, "last")) == state_at(20)
    store.save(model_at(99).state_dict(), state_at(99), 20, 2, {})
    store.wait()
    assert load_state(find_checkpoint(directory, "last")) == state_at(99)
