"""A small run in this process, for tests of the parts that it is made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retinue.run import SavedRun
from retinue.run import train as train_spec

# Threads of several processes that wait for one another take all the time there is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

DIGITS = """\
spec = 1
name = "digits"

[data]
batch_size = 64
train = { use = "digits", split = { fraction = 0.8 } }
val = { use = "digits", split = { fraction = 0.8 } }

[model]
use = "mlp"
hidden = [16]

[optimizer]
use = "sgd"
lr = 0.1

[train]
epochs = 1
device = "cpu"

[log]
tensorboard = false
"""

Train = Callable[..., SavedRun]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec of a small network on the digits, 23 steps an epoch, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "spec.toml"
    path.write_text(DIGITS, encoding="utf-8")
    return path


@pytest.fixture
def train(spec: Path) -> Train:
    """Train that spec with overrides."""

    def run(overrides: object = (), out: str = "run") -> SavedRun:
        return train_spec(spec, overrides, out)  # type: ignore[arg-type]

    return run


@pytest.fixture
def local_plugin(spec: Path) -> Callable[[str], None]:
    """Write a plug-in "vision" of one file beside the spec."""

    def write(source: str) -> None:
        spec.with_name("vision.py").write_text(source, encoding="utf-8")
        registry = 'schema = 1\n[local]\nvision = { path = "vision.py" }\n'
        spec.with_name("registry.toml").write_text(registry, encoding="utf-8")

    return write
