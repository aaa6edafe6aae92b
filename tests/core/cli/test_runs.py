"""retinue runs"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.cli.test_main import NO_TORCH

from retinue.errors import RunDirectoryError
from retinue.run import train as train_spec

if TYPE_CHECKING:
    from tests.conftest import Command
    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site

    from retinue.run import SavedRun

    Train = Callable[..., SavedRun]
    Call = Callable[..., Answer]


@pytest.fixture
def train(train: Train, capsys: pytest.CaptureFixture[str]) -> Train:
    """Train as ever, and let nothing of it stand before what a command answers."""

    def run(*arguments: Any, **options: Any) -> SavedRun:
        trained = train(*arguments, **options)
        capsys.readouterr()
        return trained

    return run


@pytest.fixture
def listed(command: Call) -> Callable[[], dict[str, Any]]:
    """What `list` tells of one run in the working directory."""

    def read() -> dict[str, Any]:
        answer = command("runs", "list", ".", "--json")
        assert (answer.code, answer.err) == (0, "")
        [record] = answer.json
        return record  # type: ignore[no-any-return]

    return read


def change_date(run: SavedRun, started: str) -> None:
    lock = json.loads(run.directory.lock.read_text())
    run.directory.lock.write_text(json.dumps({**lock, "started": started}))


def test_list_has_every_run_the_newest_first(train: Train, command: Call) -> None:
    for day, out in ((2, "runs/a/x"), (3, "runs/b"), (1, "runs/a/y")):
        change_date(train(out=out), f"2026-11-0{day}T08:15:02+00:00")
    records = command("runs", "list", "--json").json
    assert [record["run"] for record in records] == ["runs/b", "runs/a/x", "runs/a/y"]
    value = json.loads(Path("runs/b/checkpoints/best/manifest.json").read_text())["values"]["val/accuracy"]
    assert records[0] == {
        "run": "runs/b",
        "name": "digits",
        "started": "2026-11-03T08:15:02+00:00",
        "state": "complete",
        "metric": "val/accuracy",
        "value": value,
        "step": 23,
        "steps": 23,
        "epoch": 1,
        "problem": None,
    }
    head, *lines = command("runs", "list", "runs/a").out.splitlines()
    assert head.split() == ["run", "name", "started", "state", "best", "step", "epoch"]
    shown = f"runs/a/x  digits  2026-11-02 08:15:02  complete  val/accuracy {value:.6g}  23    1"
    assert lines[0] == shown
    assert lines[1].startswith("runs/a/y ")


def test_no_folder_and_no_runs(command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (command("runs", "list").code, command("runs", "list").err) == (2, "error: there is no folder runs\n")
    Path("runs").mkdir()
    assert command("runs", "list", "--json").json == []
    assert command("runs", "list").code == 0
    assert command("runs", "show", "nothing").code == 2


def test_a_run_that_ended_early(train: Train, listed: Callable[[], dict[str, Any]], command: Call) -> None:
    stop = '{ metric = "val/loss", mode = "max", patience = "1ep" }'
    train(["train.epochs=9", f"train.early_stop={stop}"])
    found = listed()
    assert (found["state"], found["steps"]) == ("stopped early", 207)
    assert found["step"] < 207
    assert "go on" not in command("runs", "show", "run").out


def test_a_run_whose_loss_grew_without_end(spec: Path, command: Call, listed: Callable[[], dict[str, Any]]) -> None:
    answer = command("train", spec, "optimizer.lr=1e30", "train.epochs=3", "checkpoint.every=1it", "--out", "run")
    assert answer.code == 1
    assert listed()["state"] in ("failed", "no checkpoint")


def test_a_run_that_goes_on_and_one_that_was_killed(
    spec: Path, listed: Callable[[], dict[str, Any]], command: Call
) -> None:
    arguments = [str(spec), "--out", "run", "train.epochs=4000", "checkpoint.every=5it", "data.workers=2"]
    process = subprocess.Popen([sys.executable, "-m", "retinue", "train", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (Path("run/checkpoints/last").exists() and Path("run/metrics.jsonl").exists()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    assert listed()["state"] == "running"
    before = Path("run/metrics.jsonl").read_bytes()
    with pytest.raises(RunDirectoryError, match="run is being trained by another process"):
        train_spec(resume="run")
    assert Path("run/metrics.jsonl").read_bytes().startswith(before)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = listed()
    assert (found["state"], found["steps"]) == ("interrupted", 4000 * 23)
    out = command("runs", "show", "run").out
    assert f"interrupted at step {found['step']} of {4000 * 23}" in out
    assert "retinue train --resume run\n" in out


def test_show_tells_what_made_a_run(train: Train, command: Call) -> None:
    run = train(["train.epochs=2"])
    shown = command("runs", "show", "run")
    assert (shown.code, shown.err) == (0, "")
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["model", "builtin/mlp", "retinue", run.plan.model.component.plugin.version] in lines
    assert ["data", "train", "1,438,", "val", "359,", "10", "classes"] in lines
    assert any(line[:4] == ["step", "46", "2", "0.0"] and "best," in line and "whole" in line for line in lines)
    assert ["val/accuracy", f"{run.metrics['val/accuracy']:.6g}"] in lines
    found = command("runs", "show", "run", "--json").json
    assert found["values"] == {name: value for name, value in run.metrics.items() if "/" in name}
    assert [c["step"] for c in found["checkpoints"]] == run.directory.checkpoint_steps()
    assert found["checkpoints"][-1]["links"] == ["best", "last"]
    assert {c["name"] for c in found["components"]} >= {"builtin/mlp", "builtin/digits"}


def test_show_tells_of_what_a_run_was_resumed_under(train: Train, command: Call) -> None:
    run = train()
    lock = json.loads(run.directory.lock.read_text())
    run.directory.lock.write_text(json.dumps({**lock, "torch": "1.13.1", "started": "2020-01-01T00:00:00+00:00"}))
    train_spec(resume="run", despite_differences=True)
    out = command("runs", "show", "run").out
    assert "until step 23 on cpu under retinue " in out
    assert "torch 1.13.1" in out
    assert command("runs", "list", ".", "--json").json[0]["started"] == "2020-01-01T00:00:00+00:00"


DAMAGES: dict[str, tuple[str, str | None, str]] = {
    "no lock": ("run.lock", None, "run.lock cannot be read: No such file"),
    "lock cut": ("run.lock", '{"lock": 1', "run.lock is damaged"),
    "lock of other things": ("run.lock", '{"lock": 1, "components": 3}', "run.lock is damaged: "),
    "lock is a list": ("run.lock", "[]", "run.lock is damaged"),
    "lock too deep": ("run.lock", "[" * 100_000, "run.lock is damaged"),
    "no spec": ("resolved.toml", None, "resolved.toml cannot be read: No such file"),
    "spec cut": ("resolved.toml", "spec = ", "resolved.toml is damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_listed_with_what_is_wrong(name: str, train: Train, command: Call) -> None:
    file, content, told = DAMAGES[name]
    train(out="runs/whole")
    path = train(out="runs/bad").directory.path / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    answer = command("runs", "list", "--json")
    assert (answer.code, answer.err) == (0, "")
    states = {record["run"]: record for record in answer.json}
    assert states["runs/whole"]["state"] == "complete"
    assert states["runs/bad"]["state"] == "damaged"
    assert told in states["runs/bad"]["problem"]
    assert "damaged" in command("runs", "list").out
    shown = command("runs", "show", "runs/bad")
    assert "Traceback" not in shown.err
    assert told in shown.out or shown.code == 2


def test_damaged_checkpoints_are_shown_as_such(
    train: Train, command: Call, listed: Callable[[], dict[str, Any]]
) -> None:
    directory = train(["train.epochs=4", "checkpoint.last=4"]).directory
    directory.manifest(23).unlink()
    directory.manifest(46).write_text('{"step": 46, "epoch": 2, "values": {"val/accuracy": "x"}, "sha256": {}}')
    (directory.checkpoint(92) / "model.safetensors").unlink()
    (directory.checkpoints / "step-unwanted").mkdir()
    found = command("runs", "show", "run", "--json").json
    states = {checkpoint["step"]: checkpoint["state"] for checkpoint in found["checkpoints"]}
    assert states[23].startswith("damaged: manifest.json cannot be read")
    assert states[46].startswith("damaged: manifest.json is damaged: values")
    assert states[69] == "whole"
    assert states[92] == "damaged: model.safetensors missing"
    assert (listed()["state"], listed()["step"]) == ("interrupted", 69)
    for step in (23, 46, 69, 92):
        directory.manifest(step).unlink(missing_ok=True)
    assert listed()["state"] == "no checkpoint"
    assert "retinue train run/resolved.toml" in command("runs", "show", "run").out


def test_a_damaged_history_is_a_mistake_that_is_told(train: Train, command: Call) -> None:
    train().directory.metrics.write_bytes(b"\xff\xfe\n")
    answer = command("runs", "show", "run")
    assert (answer.code, answer.err.startswith("error: run/metrics.jsonl ")) == (2, True)


@pytest.mark.parametrize("arguments", [["list", "."], ["show", "run"], ["show", "run", "--json"]])
def test_answers_without_importing_torch(site: Site, train: Train, retinue: Command, arguments: list[str]) -> None:
    folder = train().directory.path.absolute().parent
    for name in ("torch", "torchvision"):
        (site.folder / name).mkdir()
        (site.folder / name / "__init__.py").write_text(NO_TORCH)
    answer = retinue("runs", *arguments, cwd=folder, env=site.environment)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "builtin/mlp" in answer.stdout or arguments[0] == "list"
