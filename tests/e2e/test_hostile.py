"""Files of a stranger: each that a command opens is refused where a pickle stands in its place, and nothing runs."""

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
from PIL import Image
from tests.core.cli.conftest import Answer, command

import retinue

__all__ = ["command"]

SPEC = """
spec = 1

[data]
batch_size = 64
workers = 0
train = { use = "digits", split = { fraction = 0.8 } }
val = { use = "digits", split = { fraction = 0.8 } }

[model]
use = "lenet"

[optimizer]
use = "sgd"
lr = 0.1

[train]
steps = 2
device = "cpu"

[checkpoint]
every = "1it"

[log]
tensorboard = false
"""

Command = Callable[..., Answer]


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return open, (str(self.marker), "w")


def write_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


def write_text_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps, with a checkpoint of each."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "spec.toml").write_text(SPEC)
    retinue.train(folder / "spec.toml", out=folder / "run")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run in the working directory, with the spec and a picture."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "run", symlinks=True)
    Path("spec.toml").write_text(SPEC)
    Image.new("L", (8, 8)).save("picture.png")
    return Path("run")


@pytest.fixture(params=[write_pickle, write_text_pickle, torch.save], ids=["pickle", "text", "torch"])
def poison(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], None]:
    """Put a pickle in the place of a file."""

    def put(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        request.param(Malicious(tmp_path / "executed"), path)

    return put


def check_refused(answer: Answer, name: str) -> None:
    assert answer.code in (1, 2), answer
    assert name in answer.err
    assert "Traceback" not in answer.err
    assert not Path("executed").exists()


def test_the_pickle_would_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Malicious(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


OPENING = {
    "evaluate": ["evaluate", "run"],
    "predict": ["predict", "run", "picture.png"],
    "cam": ["cam", "run", "picture.png"],
    "resume": ["train", "--resume", "run"],
}


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        *(("resolved.toml", opening) for opening in OPENING),
        *(("run.lock", opening) for opening in OPENING),
        ("metrics.jsonl", "resume"),
    ],
)
def test_file_of_a_run(name: str, opening: str, run: Path, poison: Callable[[Path], None], command: Command) -> None:
    poison(run / name)
    check_refused(command(*OPENING[opening]), name)


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        *(("model.safetensors", opening) for opening in OPENING),
        *(("manifest.json", opening) for opening in OPENING),
        ("state.pt", "resume"),
    ],
)
def test_file_of_a_checkpoint(
    name: str, opening: str, run: Path, poison: Callable[[Path], None], command: Command
) -> None:
    """In every checkpoint, under the hash that its manifest gives."""
    for checkpoint in run.glob("checkpoints/step-*"):
        poison(checkpoint / name)
        if name != "manifest.json":
            manifest = json.loads((checkpoint / "manifest.json").read_text())
            manifest["sha256"][name] = hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()
            (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    check_refused(command(*OPENING[opening]), name)


@pytest.mark.parametrize("name", ["spec.toml", "spec.yaml", "spec.json", "base.toml"])
@pytest.mark.parametrize("opening", ["check", "train"])
def test_spec(name: str, opening: str, run: Path, poison: Callable[[Path], None], command: Command) -> None:
    poison(Path(name))
    Path("built.toml").write_text('base = "base.toml"\n')
    check_refused(command(opening, "built.toml" if name == "base.toml" else name), name)
    assert not Path("runs").exists()


def test_picture_to_predict(run: Path, poison: Callable[[Path], None], command: Command) -> None:
    poison(Path("picture.png"))
    check_refused(command("predict", "run", "picture.png"), "picture.png")


@pytest.mark.parametrize(
    ("file", "overrides"),
    [
        ("w.safetensors", ['finetune.weights="w.safetensors"']),
        ("w.pt", ['finetune.weights="w.pt"']),
        ("w.pth", ['finetune.weights="w.pth"']),
        ("w.safetensors", ['model={use="timm-backbones/resnet10t", weights="w.safetensors"}']),
        ("w.pt", ['model={use="timm-backbones/resnet10t", weights="w.pt"}']),
        ("w.pth", ['model={use="timm-backbones/resnet10t", weights="w.pth"}']),
        ("data/a/1.png", ['data.train={use="image-folder", root="data"}', "~data.val"]),
        ("p.csv", ['data.train={use="csv", file="p.csv"}', "~data.val"]),
        ("data/train-images-idx3-ubyte", ['data.train={use="mnist", root="data", part="train"}', "~data.val"]),
        ("data/train-images-idx3-ubyte.gz", ['data.train={use="mnist", root="data", part="train"}', "~data.val"]),
        (
            "data/cifar-10-batches-py/data_batch_1",
            ['data.train={use="cifar10", root="data", part="train"}', "~data.val"],
        ),
        ("data/cifar-100-python/meta", ['data.train={use="cifar100", root="data", part="train"}', "~data.val"]),
        (
            "masks/1.png",
            [
                'data.train={use="mask-folder", images="images", masks="masks", classes=["a", "b"]}',
                'task="segmentation"',
                'model={use="unet", width=2, depth=1}',
                "~data.val",
            ],
        ),
    ],
)
def test_file_that_a_spec_names(
    file: str, overrides: list[str], run: Path, poison: Callable[[Path], None], command: Command
) -> None:
    if file.startswith("masks"):
        Path("images").mkdir()
        Image.new("RGB", (8, 8)).save("images/1.png")
    if "idx3" in file:
        poison(Path("data") / Path(file).name.replace("images-idx3", "labels-idx1"))
    poison(Path(file))
    check_refused(command("train", "spec.toml", *overrides, "--out", "new"), Path(file).name)


def test_runs_that_are_listed(run: Path, poison: Callable[[Path], None], command: Command) -> None:
    for path in [path for path in run.rglob("[!.]*") if path.is_file()]:
        poison(path)
    for arguments in (["list", "."], ["show", "run"]):
        answer = command("runs", *arguments)
        assert "run" in answer.out + answer.err
        assert "Traceback" not in answer.err
    assert not Path("executed").exists()


def test_class_name_leads_nowhere(run: Path, command: Command) -> None:
    """A picture for each class is named after it."""
    Path("labels.csv").write_text("path,label\n" + "picture.png,../../away\npicture.png,b\n" * 8)
    data = ['data.train={use="csv", file="labels.csv", channels=1}', "~data.val"]
    assert command("train", "spec.toml", *data, "--out", "new").code == 0
    before = {path for path in Path().rglob("*") if "new/" not in str(path)}
    answer = command("cam", "new", "picture.png", "--label", "../../away")
    assert answer.code == 0, answer.err
    assert [path.parent for path in Path("new").rglob("*away*")] == [Path("new/predictions")]
    assert {path for path in Path().rglob("*") if "new/" not in str(path)} == before


def test_registry_file_of_a_run_is_not_read(run: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    (run / "vision.py").write_text("open('executed', 'w')\n")
    (run / "registry.toml").write_text('schema = 1\n[local]\nvision = { path = "vision.py" }\n')
    picture = Path("picture.png").absolute()
    monkeypatch.chdir(run)
    answer = command("predict", ".", picture)
    assert answer.code == 0, answer.err
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    "name",
    [
        "resolved.toml",
        "run.lock",
        "metrics.jsonl",
        "log.txt",
        ".holder",
        "checkpoints",
        "checkpoints/last",
        "checkpoints/step-00000001",
        "checkpoints/step-00000002/state.pt",
        "predictions",
    ],
)
@pytest.mark.parametrize("opening", ["predict", "resume"])
def test_link_out_of_a_run(name: str, opening: str, run: Path, command: Command) -> None:
    """A link to the very thing that was there, elsewhere: nothing is read there, written or removed."""
    elsewhere, place = Path("elsewhere").absolute(), run / name
    if place.exists():
        place.rename(elsewhere)
    else:
        elsewhere.mkdir()
    before = list_files(elsewhere)
    place.unlink(missing_ok=True)
    place.symlink_to(elsewhere)
    check_refused(command(*OPENING[opening]), name)
    assert list_files(elsewhere) == before


def list_files(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (place, *place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.lock", "[" * 100_000),
        ("run.lock", "[]"),
        ("run.lock", "{}"),
        ("run.lock", '{"data": 5, "components": 5}'),
        ("metrics.jsonl", "[" * 100_000 + "\n{}\n"),
        ("resolved.toml", 'base = "../spec.toml"\n'),
        ("resolved.toml", ""),
        *(
            (f"checkpoints/step-0000000{step}/manifest.json", text)
            for step in (1, 2)
            for text in ("[" * 100_000, "[]", "{}", '{"step": 1, "values": {"val/accuracy": "x"}, "sha256": {}}')
        ),
    ],
)
@pytest.mark.parametrize("opening", ["evaluate", "resume"])
def test_damage_by_hand(name: str, text: str, opening: str, run: Path, command: Command) -> None:
    (run / name).write_text(text)
    answer = command(*OPENING[opening])
    assert answer.code in (0, 1, 2), answer
    assert answer.code == 0 or Path(name).name in answer.err
    assert "Traceback" not in answer.err
