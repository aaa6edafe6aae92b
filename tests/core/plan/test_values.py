"""Every value with its origin, and the resolved spec that means the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retinue.plan import make_plan
from retinue.plan.values import list_values, write_resolved
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

BASE = """\
spec: 1
seed: 7
data:
  train: {use: digits, split: {fraction: 0.8}, transforms: [rgb, {use: resize, size: 8}]}
  val: {use: digits, split: {fraction: 0.8}, transforms: [rgb]}
model: lenet
optimizer: {use: sgd, lr: 0.1, momentum: 0.5}
scheduler: {use: cosine, warmup: 5it}
loss: {use: sum, terms: [{loss: cross-entropy}, {loss: {use: focal, gamma: 3.0}, weight: 2.0}]}
train: {epochs: 1}
"""
TOP = """\
base = "base.yaml"
name = "top"
[optimizer]
use = "adam"
[train]
early_stop = { metric = "val/accuracy", patience = "2ep" }
"""
OVERRIDES = ["data.batch_size=16", "scheduler.every=step", "loss.terms.1.weight=3.0"]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "top.toml").write_text(TOP)
    return tmp_path / "top.toml"


def plan(path: Path, overrides: list[str] | None = None) -> Any:
    return make_plan(load_spec(path, overrides or []), Registry(RegistryFile(None)))


def test_every_value_has_its_origin(top: Path) -> None:
    filled = {("model", "num_classes"): 10}
    values = {value.path: value for value in list_values(plan(top, OVERRIDES), filled)}
    file, base = str(top), str(top.with_name("base.yaml"))
    for path, value, origin in (
        (("name",), "top", file),
        (("seed",), 7, base),
        (("task", "use"), "builtin/classification", "default"),
        (("data", "batch_size"), 16, "command line"),
        (("data", "workers"), "auto", "default"),
        (("data", "train", "use"), "builtin/digits", base),
        (("data", "train", "split", "fraction"), 0.8, base),
        (("data", "train", "split", "seed"), 0, "default"),
        (("data", "train", "transforms", 0, "use"), "builtin/rgb", base),
        (("data", "train", "transforms", 1, "size"), 8, base),
        (("model", "use"), "builtin/lenet", base),
        (("model", "num_classes"), 10, "data"),
        (("loss", "terms", 1, "loss", "gamma"), 3.0, base),
        (("loss", "terms", 1, "weight"), 3.0, "command line"),
        (("loss", "terms", 0, "weight"), 1.0, "default"),
        (("optimizer", "use"), "builtin/adam", file),
        # The base says it of sgd.
        (("optimizer", "lr"), 0.001, "default"),
        (("scheduler", 0, "use"), "builtin/cosine", base),
        (("scheduler", 0, "every"), "step", "command line"),
        (("scheduler", 0, "warmup"), "5it", base),
        (("metrics", "accuracy", "use"), "builtin/accuracy", "default"),
        (("train", "early_stop", "patience"), "2ep", file),
    ):
        assert (values[path].value, values[path].origin) == (value, origin), path
    assert ("optimizer", "momentum") not in values


def test_resolved_spec_means_the_same(top: Path, tmp_path: Path) -> None:
    first = plan(top, OVERRIDES)
    values = list(list_values(first, {}))
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(write_resolved(values))
    second = plan(resolved)
    again = {value.path: (value.value, value.origin) for value in list_values(second, {})}
    # What the spec leaves to the data has no value here.
    said = {value.path: (value.value, str(resolved)) for value in values if value.path in again}
    assert again == said
    assert {value.path for value in values} == set(again)


def test_resolved_spec_says_origins(top: Path) -> None:
    text = write_resolved(list(list_values(plan(top, OVERRIDES), {})))
    assert f'name = "top" # {top}\n' in text
    assert "batch_size = 16 # command line\n" in text
    assert 'workers = "auto" # default\n' in text
