"""What can go wrong with a run: each fault has its exit code and its message, and nothing that was saved is lost.

docs/how-to/when-a-run-stops.md is the table for people.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.core.cli.conftest import Answer, command

import retinue
from retinue.engine.checkpoints import check_whole
from retinue.errors import Interrupted

__all__ = ["command"]

Command = Callable[..., Answer]

SPEC = """
spec = 1
seed = 3
callbacks = ["fault"]

[data]
batch_size = 64
workers = 0
train = { use = "digits", split = { fraction = 0.8 }, transforms = ["random-affine"] }
val = { use = "digits", split = { fraction = 0.8 } }

[model]
use = "mlp"
hidden = [16]
dropout = 0.2

[optimizer]
use = "sgd"
lr = 0.1
momentum = 0.9

[train]
epochs = 2
device = "cpu"

[checkpoint]
every = "10it"

[log]
every = 1
tensorboard = false
"""

FAULT = '''
"""Does harm once: after the step that the spec says, what the file "armed" says."""

import logging, multiprocessing, os, signal, time
from pathlib import Path

import torch
from retinue.api import Callback
from retinue.hooks import hookimpl
from torch import nn


def fill_disk(run):
    # A checkpoint that is being written would fail, or one that makes room for it would go.
    time.sleep(0.5)
    with (run.directory / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass


def speak_to_a_full_disk(run):
    fill_disk(run)
    logging.getLogger("retinue").info("word " * 2000)
    (run.directory / "ballast").unlink()


def need_memory(run):
    run.task.model.register_forward_pre_hook(lambda *_: torch.empty(2**50))


def need_gpu_memory(run):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    run.task.model.register_forward_pre_hook(fail)


def kill_worker(run):
    # Data workers are daemons; the process of another test may not be one.
    os.kill(next(child.pid for child in multiprocessing.active_children() if child.daemon), signal.SIGKILL)


def remove_pictures(run):
    Path("pictures").rename("elsewhere")


def stop(run):
    os.kill(os.getpid(), signal.SIGTERM)


def stop_in_evaluation(run):
    run.task.model.register_forward_pre_hook(lambda model, _: None if model.training else stop(run))


def stop_twice(run, number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(1.2)
    os.kill(os.getpid(), number)


def interrupt_twice(run):
    stop_twice(run, signal.SIGINT)


class Fault(Callback):
    def __init__(self, at: int = 25) -> None:
        self.at = at

    def step(self, run, batch, output):
        if run.state.step == self.at and Path("armed").exists():
            globals()[Path("armed").read_text()](run)


@hookimpl
def retinue_callbacks(register):
    register("fault", Fault, summary="does harm")


class Point(nn.Conv2d):
    def __init__(self, num_classes: int) -> None:
        super().__init__(3, num_classes, 1)


@hookimpl
def retinue_models(register):
    register("point", Point, summary="sees one pixel at a time")
'''


def write_spec(folder: Path) -> None:
    (folder / "spec.toml").write_text(SPEC)
    (folder / "fault.py").write_text(FAULT)
    (folder / "registry.toml").write_text('schema = 1\n[local]\nfault = { path = "fault.py" }\n')


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_spec(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 46 steps that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    write_spec(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        retinue.train("spec.toml", out="run")
    return folder / "run"


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run, stopped after step 25."""
    folder = tmp_path_factory.mktemp("half")
    write_spec(folder)
    (folder / "armed").write_text("stop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(Interrupted):
            retinue.train("spec.toml", out="run")
    return folder / "run"


@pytest.fixture
def run(whole: Path, workspace: Path) -> Path:
    """A copy of the whole run."""
    return Path(shutil.copytree(whole, "run", symlinks=True))


@pytest.fixture
def stopped(half: Path, workspace: Path) -> Path:
    """A copy of the stopped one."""
    return Path(shutil.copytree(half, "run", symlinks=True))


@pytest.fixture
def say(command: Command, caplog: pytest.LogCaptureFixture) -> Command:
    """Run the command in this process; on stderr is what is logged, as it is where pytest does not listen."""

    def run(*arguments: object) -> Answer:
        caplog.clear()
        answer = command(*arguments)
        return replace(answer, err=caplog.text + answer.err)

    return run


def check_refused(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def check_kept(answer: Answer, run: Path) -> None:
    """Every checkpoint that is there is whole, and the message says how to go on from the last."""
    for path in run.glob("checkpoints/step-*"):
        check_whole(path)
    last = int(os.readlink(run / "checkpoints/last").removeprefix("step-"))
    assert f"the last checkpoint is that of step {last}; go on with: retinue train --resume {run}" in answer.err


def check_goes_on(run: Path, whole: Path, command: Command, *overrides: str, every: int = 1) -> None:
    """Once it is mended, resumed it ends as if nothing had happened.

    Args:
        every: of the whole run's steps these were recorded.
    """
    Path("armed").unlink(missing_ok=True)
    answer = command("train", "--resume", run, *overrides)
    assert answer.code == 0, answer
    expected = [record for record in read_records(whole) if record["event"] == "epoch" or record["step"] % every == 0]
    assert read_records(run) == expected
    one, other = (load_file(path / "checkpoints/last/model.safetensors") for path in (run, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)


def read_records(run: Path) -> list[dict[str, Any]]:
    measured = ("images_per_second", "memory_mib")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in measured} for record in records]


def list_files(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = ["model.safetensors", "state.pt", "manifest.json"]
DAMAGES = [truncate, flip_bit, Path.unlink]
OPENING = {
    "resume": ["train", "--resume", "run"],
    "evaluate": ["evaluate", "run"],
    "predict": ["predict", "run", "picture.png"],
}


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_damaged_checkpoint(
    name: str, damage: Callable[[Path], None], opening: str, run: Path, whole: Path, say: Command
) -> None:
    """The one before it is taken."""
    damage(run / "checkpoints/step-00000046" / name)
    answer = say(*OPENING[opening])
    assert answer.code == 0, answer
    assert "run/checkpoints/step-00000046 is damaged: " + name in answer.err
    assert "step-00000040 is used in its place" in answer.err
    if opening == "resume":
        check_goes_on(run, whole, say)


@pytest.mark.parametrize("opening", OPENING)
def test_all_checkpoints_damaged(opening: str, run: Path, command: Command) -> None:
    truncate(run / "checkpoints/step-00000040/model.safetensors")
    flip_bit(run / "checkpoints/step-00000046/state.pt")
    before = list_files(run)
    answer = command(*OPENING[opening])
    check_refused(answer, 2, "step-00000040 is damaged: model", "step-00000046 is damaged: state")
    assert list_files(run) == before


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.lock", "resolved.toml"])
def test_damaged_record(name: str, damage: Callable[[Path], None], opening: str, run: Path, say: Command) -> None:
    damage(run / name)
    before = list_files(run)
    answer = say(*OPENING[opening])
    # A bit of resolved.toml may leave it a spec: what does not learn by it warns.
    readable = (name, damage, opening != "resume") == ("resolved.toml", flip_bit, True)
    check_refused(answer, 0 if readable and answer.code == 0 else 2, name)
    assert list_files(run) == before


def mount(*arguments: object) -> None:
    try:
        subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a disk")


@pytest.fixture
def small_disk(workspace: Path) -> Iterator[Path]:
    """A disk of 600 kB."""
    place = Path("disk")
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=600k", "tmpfs", place)
    yield place
    # What is read of it may still be in memory.
    subprocess.run(["umount", "--lazy", workspace / place], check=True)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        # The records, or a checkpoint: as much of a page as the records have left.
        ([], ["error: ", " cannot be written: ", "No space left"]),
        (["log.every=23"], ["error: the checkpoint of step 30 cannot be written"]),
        (
            ["log.every=23", "checkpoint.every=1ep", "log.tensorboard=true"],
            [
                "tfevents",
                "cannot be written: No space left",
                "the run goes on without",
                "error: the checkpoint of step 46",
            ],
        ),
    ],
    ids=["whichever is next", "checkpoint", "events"],
)
def test_full_disk(overrides: list[str], words: list[str], small_disk: Path, whole: Path, say: Command) -> None:
    run = small_disk / "run"
    Path("armed").write_text("fill_disk")
    answer = say("train", "spec.toml", "--out", run, *overrides)
    check_refused(answer, 1, *words)
    check_kept(answer, run)
    again = say("train", "--resume", run)
    check_refused(again, 1, "cannot be written: No space left")
    check_refused(say("train", "spec.toml", "--out", small_disk / "other"), 1, "cannot be written: No space left")
    (run / "ballast").unlink()
    check_goes_on(run, whole, say, every=23 if overrides else 1)


def test_disk_full_for_the_log_alone(small_disk: Path, whole: Path, say: Command) -> None:
    Path("armed").write_text("speak_to_a_full_disk")
    answer = say("train", "spec.toml", "--out", small_disk / "run")
    assert answer.code == 0, answer
    assert answer.err.count("log.txt cannot be written: [Errno 28] No space left on device; the run goes on") == 2
    assert read_records(small_disk / "run") == read_records(whole)


def test_read_only_disk(small_disk: Path, half: Path, whole: Path, say: Command) -> None:
    run = Path(shutil.copytree(half, small_disk / "run", symlinks=True))
    mount("-o", "remount,ro", small_disk)
    check_refused(say("train", "--resume", run), 2, "cannot write to the run directory", "Read-only file system")
    check_refused(say("train", "spec.toml", "--out", small_disk / "new"), 2, "cannot make the run directory")
    for use in (["evaluate", run], ["predict", run, "picture.png"]):
        assert say(*use).code == 0
    mount("-o", "remount,rw", small_disk)
    check_goes_on(run, whole, say)


@pytest.mark.parametrize(
    ("fault", "overrides", "words"),
    [
        (
            "kill_worker",
            ["data.workers=2", "data.worker_kind=process"],
            ["a process that prepares samples has ended", "data.workers=0"],
        ),
        (
            "need_memory",
            [],
            ["not enough memory", "data.batch_size", "train.accumulate", "gradient_checkpointing"],
        ),
        ("need_gpu_memory", [], ["not enough memory: CUDA out of memory. Tried to", "train.precision"]),
    ],
)
def test_what_the_machine_lacks(
    fault: str, overrides: list[str], words: list[str], workspace: Path, whole: Path, say: Command
) -> None:
    Path("armed").write_text(fault)
    answer = say("train", "spec.toml", "--out", "run", *overrides)
    check_refused(answer, 1, *words)
    check_kept(answer, Path("run"))
    check_goes_on(Path("run"), whole, say, "data.workers=0")


def test_too_little_memory_to_evaluate(run: Path, say: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(torch.nn.Linear, "forward", fail)
    check_refused(say("evaluate", run), 1, "not enough memory: CUDA out of memory. Tried to", "data.batch_size")


def test_signal_while_evaluating(workspace: Path, whole: Path, say: Command) -> None:
    """The evaluation is left, and done again by the resumed run."""
    Path("armed").write_text("stop_in_evaluation")
    answer = say("train", "spec.toml", "--out", "run")
    check_refused(answer, 143, "stopped after step 46; go on with: retinue train --resume run")
    assert read_records(Path("run"))[-1]["event"] == "step"
    check_goes_on(Path("run"), whole, say)


def test_signal_while_a_checkpoint_is_written(
    workspace: Path, whole: Path, say: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, sync = [], os.fsync

    def stop(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", stop)
    answer = say("train", "spec.toml", "--out", "run")
    check_refused(answer, 143, "go on with: retinue train --resume run")
    for path in Path("run/checkpoints").iterdir():
        check_whole(path)
    assert len(read_records(Path("run"))) < len(read_records(whole))
    check_goes_on(Path("run"), whole, say)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("stop_twice", -signal.SIGTERM, []),
        (
            "interrupt_twice",
            130,
            ["stopped at once, after step 25; the last checkpoint is that of step 23"],
        ),
    ],
)
def test_second_signal(
    fault: str, code: int, words: list[str], workspace: Path, whole: Path, retinue: Callable[..., Any], command: Command
) -> None:
    Path("armed").write_text(fault)
    answer = retinue("train", "spec.toml", "--out", "run")
    check_refused(Answer(answer.returncode, answer.stdout, answer.stderr), code, *words)
    assert os.readlink("run/checkpoints/last") == "step-00000023"
    check_goes_on(Path("run"), whole, command)


@pytest.mark.parametrize("name", ["retinue", "torch", "decoder"])
def test_other_version_on_resume(name: str, stopped: Path, whole: Path, say: Command) -> None:
    lock = stopped / "run.lock"
    true = lock.read_text()
    then = json.loads(true)
    lock.write_text(json.dumps(then | {name: "pillow 0.1" if name == "decoder" else "0.0.1"}))
    before = list_files(stopped)
    answer = say("train", "--resume", stopped)
    check_refused(answer, 2, f"{name} was", f"is {then[name]}", "pip install", "--despite-differences")
    assert list_files(stopped) == before
    lock.write_text(true)
    check_goes_on(stopped, whole, say)


@pytest.mark.parametrize("spec", [SPEC.replace("hidden = [16]", "hidden = [8]"), "no spec", None])
def test_spec_edited_or_deleted_meanwhile(spec: str | None, stopped: Path, whole: Path, say: Command) -> None:
    """The run keeps its own."""
    Path("spec.toml").unlink()
    if spec is not None:
        Path("spec.toml").write_text(spec)
    check_goes_on(stopped, whole, say)


def test_alias_changed_meanwhile(workspace: Path, whole: Path, say: Command) -> None:
    registry = Path("registry.toml").read_text()
    for meaning in ("mlp", "lenet"):
        Path("registry.toml").write_text(f'{registry}[alias.model]\nnet = "builtin/{meaning}"\n')
        if meaning == "mlp":
            Path("armed").write_text("stop")
            assert say("train", "spec.toml", "model={use='net',hidden=[16],dropout=0.2}", "--out", "run").code == 143
    check_goes_on(Path("run"), whole, say)


PICTURES = ["data.train={use='image-folder',root='pictures'}", "~data.val", "data.batch_size=4", "checkpoint.every=1it"]
MASKS = [
    "task='segmentation'",
    "data.train={use='mask-folder',images='pictures/ant',masks='masks',classes=['a','b']}",
    "model={use='point'}",
]


@pytest.fixture
def pictures(workspace: Path) -> Path:
    """Twelve pictures, six of each class."""
    generator = np.random.default_rng(0)
    for number in range(12):
        path = Path("pictures", "ant" if number % 2 else "bee", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return Path("pictures")


@pytest.fixture
def masks(pictures: Path) -> Path:
    """A mask for each ant."""
    Path("masks").mkdir()
    for path in pictures.glob("ant/*"):
        Image.new("L", (8, 8), 1).save(Path("masks", path.name))
    return Path("masks")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_text(path: Path) -> None:
    path.write_text("no picture")


def forbid(path: Path) -> None:
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read every file")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", [truncate, empty, write_text, forbid])
def test_picture_that_cannot_be_read(
    damage: Callable[[Path], None], workers: int, pictures: Path, workspace: Path, say: Command
) -> None:
    damage(pictures / "ant/7.png")
    answer = say("train", "spec.toml", *PICTURES, f"data.workers={workers}", "--out", "run")
    check_refused(
        answer, 2, f"{workspace}/pictures/ant/7.png: ", "go on with: retinue train --resume run", "data.unreadable"
    )


def test_pictures_removed_while_training(pictures: Path, say: Command) -> None:
    spec = ["train", "spec.toml", *PICTURES, "callbacks=[{use='fault',at=4}]"]
    say(*spec, "--out", "whole")
    Path("armed").write_text("remove_pictures")
    answer = say(*spec, "--out", "run")
    check_refused(answer, 2, "/pictures/", ".png: no such file")
    check_kept(answer, Path("run"))
    check_refused(say("train", "--resume", "run"), 2, "pictures")
    Path("elsewhere").rename(pictures)
    check_goes_on(Path("run"), Path("whole"), say)


@pytest.mark.parametrize(
    ("place", "words"),
    [("pictures", "pictures: has no class folders"), ("pictures/ant", "it is empty; remove the folder")],
)
def test_empty_folder(place: str, words: str, pictures: Path, say: Command) -> None:
    shutil.rmtree(place)
    Path(place).mkdir()
    check_refused(say("train", "spec.toml", *PICTURES, "--out", "run"), 2, words)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("size", "value", "words"),
    [((8, 9), 1, "8 x 8 pixels and its mask"), ((8, 8), 7, "which stand for no class; known: 0, 1")],
    ids=["another size", "an unknown label"],
)
def test_wrong_mask(size: tuple[int, int], value: int, words: str, masks: Path, say: Command) -> None:
    Image.new("L", size, value).save(masks / "7.png")
    answer = say("train", "spec.toml", *PICTURES, *MASKS, "--out", "run")
    check_refused(answer, 2, "masks/7.png", words)


@pytest.mark.parametrize("skipped", [0, 2])
def test_loss_that_is_not_finite(skipped: int, pictures: Path, say: Command) -> None:
    """Step, files and the last good checkpoint are named; a few may be left out, and are named too."""
    overrides = ["optimizer.lr=1e30", f"train.skip_nonfinite={skipped}", "train.epochs=3"]
    answer = say("train", "spec.toml", *PICTURES, *overrides, "--out", "run")
    last = int(os.readlink("run/checkpoints/last").removeprefix("step-"))
    check_refused(answer, 1, f"the last checkpoint is that of step {last}", "optimizer.lr", "train.skip_nonfinite")
    (error,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert f" is not finite at step {last + 1}, " in error or f"at step {last + 1}, in the batch of" in error
    assert error.count(".png") == 4
    assert answer.err.count("is left out, its loss or a gradient is not finite: /") == 2 * skipped
    check_whole(Path("run/checkpoints/last"))
    assert all(value.isfinite().all() for value in load_file("run/checkpoints/last/model.safetensors").values())


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_process_of_a_group_is_killed(rank: int, workspace: Path) -> None:
    train_in_group("spec.toml", "--out", "whole")
    answer = train_in_group("spec.toml", "--out", "run", killed=rank)
    check_refused(answer, 128 + signal.SIGKILL, f"process {1 - rank} has lost another one of its group")
    check_kept(answer, Path("run"))
    train_in_group("--resume", "run")
    assert read_records(Path("run")) == read_records(Path("whole"))


def train_in_group(*arguments: str, killed: int | None = None) -> Answer:
    """Train in two processes; kill one of them once there is a checkpoint, if told, and else see it end well."""
    command = [sys.executable, "-m", "retinue", "train", *arguments, "--processes", "2"]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while killed is not None and launcher.poll() is None:
        if Path("run/checkpoints/last").exists():
            os.kill(find_process(launcher.pid, killed), signal.SIGKILL)
            break
        time.sleep(0.005)
    out, err = launcher.communicate(timeout=120)
    answer = Answer(launcher.returncode, out, err)
    assert killed is not None or answer.code == 0, answer
    return answer


def find_process(launcher: int, rank: int) -> int:
    """Return the process of a rank that a launcher has started."""
    for children in Path("/proc", str(launcher), "task").glob("*/children"):
        for pid in children.read_text().split():
            if f"\0RANK={rank}\0" in Path("/proc", pid, "environ").read_text():
                return int(pid)
    raise AssertionError(f"no process has rank {rank}")
