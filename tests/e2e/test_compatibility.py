"""A plug-in of retinue 0.1, as it was built then, keeps working: its wheel is never built again."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

WHEEL = Path(__file__).parent / "frozen" / "retinue_frozen-1.0-py3-none-any.whl"

SPEC = """
spec = 1
name = "frozen"
seed = 0
callbacks = [{ use = "frozen/rates", file = "rates.csv" }]

[task]
use = "frozen/labels"

[data]
batch_size = 16
workers = 0

[data.train]
use = "frozen/bars"
split = { fraction = 0.75 }
transforms = [
  { use = "frozen/perhaps", p = 0.5, transform = { use = "frozen/dots", share = 0.02 } },
  { use = "frozen/dim", least = 0.8 },
]

[data.val]
use = "frozen/bars"
split = { fraction = 0.75 }

[model]
use = "frozen/net"
encoder = "frozen/levels"

[loss]
use = "frozen/tempered"
loss = { use = "cross-entropy" }

[optimizer]
use = "frozen/sign-sgd"
lr = 0.01

[[scheduler]]
use = "frozen/triangle"
every = "step"

[metrics]
confidence = "frozen/confidence"

[train]
epochs = 2
device = "cpu"

[log]
tensorboard = false
"""
USED = [
    *("frozen/bars", "frozen/confidence", "frozen/dim", "frozen/dots", "frozen/labels", "frozen/levels", "frozen/net"),
    *("frozen/perhaps", "frozen/rates", "frozen/sign-sgd", "frozen/tempered", "frozen/triangle"),
]
MODELS = ["frozen/*", "frozen/declared", "frozen/lacking", "frozen/levels", "frozen/net", "frozen/old-net"]

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def run(retinue: Run, tmp_path: Path) -> Run:
    """Run the command where the wheel is installed: unpacked on the module path."""
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(tmp_path / "site")
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    (tmp_path / "spec.toml").write_text(SPEC)
    return lambda *arguments: retinue(*arguments, env={**os.environ, "PYTHONPATH": path})


def read(run: Run, *arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_is_found_and_lists_what_it_has(run: Run) -> None:
    found = {plugin["id"]: plugin for plugin in read(run, "plugins", "list")}["frozen"]
    assert (found["distribution"], found["version"], found["status"]) == ("retinue-frozen", "1.0", "ok")
    [shown] = read(run, "plugins", "show", "frozen")
    names = {f"frozen/{offer['name']}" for offer in shown["components"]}
    assert names == {*USED, *MODELS}


def test_its_parts_train_together_and_are_used_again(run: Run, tmp_path: Path) -> None:
    trained = run("train", "spec.toml", "--out", "run")
    assert (trained.returncode, trained.stderr.count("warning")) == (0, 0), trained.stderr
    lock = json.loads((tmp_path / "run" / "run.lock").read_text())
    assert sorted({c["name"] for c in lock["components"] if c["name"].startswith("frozen/")}) == USED
    rates = [line.split(",") for line in (tmp_path / "run" / "rates.csv").read_text().splitlines()]
    assert [line[:2] for line in rates] == [["1", "3"], ["2", "6"]]
    assert (tmp_path / "run" / "ended").read_text() == "frozen"
    values = read(run, "evaluate", "run")
    assert str(values).count("confidence") == 2
    assert read(run, "predict", "run", make_picture(tmp_path))["label"] in ("lying", "standing")


def make_picture(folder: Path) -> str:
    from PIL import Image

    Image.new("L", (16, 16)).save(folder / "picture.png")
    return str(folder / "picture.png")


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ('{ use = "frozen/declared", activation = "gelu" }', 0, ""),
        ('{ use = "frozen/deep", width = 8 }', 0, ""),
        ('{ use = "frozen/old-net", encoder = "frozen/levels" }', 0, "model frozen/old-net is deprecated: use net"),
        ('{ use = "frozen/lacking", encoder = "frozen/levels" }', 2, 'pip install "absent-package>=2"'),
        ('{ use = "frozen/net", encoder = "frozen/levels", width = 0 }', 2, "more than 0"),
    ],
)
def test_its_other_models(run: Run, model: str, code: int, said: str) -> None:
    checked = run("check", "spec.toml", f"model={model}")
    assert checked.returncode == code, checked.stderr
    assert said in checked.stderr
