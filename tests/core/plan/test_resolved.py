"""resolved.toml means the same wherever it is read, whatever a spec may hold."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retinue.build import Builder, build_trainer
from retinue.engine.distributed import Group
from retinue.engine.trainer import Trainer
from retinue.plan import Plan, make_plan
from retinue.plan.values import Value, list_values, write_resolved
from retinue.plugins.registry import Registry
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec

PLUGIN = """
from pathlib import Path
from typing import Any, Literal
from pydantic import BaseModel
from retinue.api import NestedTransform
from retinue.hooks import hookimpl

class Rung(BaseModel):
    inner: NestedTransform | None = None
    weight: float = 1.0
    note: str | None = None

def ladder(
    rungs: list[Rung],
    by_name: dict[str, NestedTransform] | None = None,
    tables: list[dict[str, Any]] | None = None,
    table: dict[str, Any] | None = None,
    empty: list[int] = [],
    after: float = 2.5,
):
    return lambda sample: sample

def named(
    text: str = "",
    file: Path = Path("here"),
    files: list[Path] | None = None,
    pair: tuple[int, str] = (1, "a"),
    maybe: int | None = 3,
    mode: Literal["a", "b"] = "a",
    large: float = 1e300,
):
    return lambda sample: sample

@hookimpl
def retinue_transforms(register):
    register("ladder", ladder, summary="nests in every way")
    register("named", named, summary="values of every type")
"""

RANDOM_APPLY = {"use": "random-apply", "transforms": ["random-horizontal-flip", {"use": "color-jitter"}], "p": 0.3}
CHOICE = {"use": "random-choice", "transforms": ["random-invert"], "p": [1.0]}
DEEPER = {"use": "random-order", "transforms": [RANDOM_APPLY, CHOICE]}
TERMS = [{"loss": "cross-entropy"}, {"loss": {"use": "focal", "gamma": 1.5}, "weight": 2.0}]
RUNGS = [{"inner": "random-invert", "weight": 2, "note": "x"}, {"inner": RANDOM_APPLY}, {"weight": 3}]

SPECS: dict[str, Any] = {
    "as it is": (),
    "a sum of losses": {"loss": {"use": "sum", "terms": TERMS}},
    "a sum of sums": {"loss": {"use": "sum", "terms": [{"loss": {"use": "sum", "terms": TERMS}, "weight": 0.5}]}},
    "nested transforms": {"data.train.transforms": [RANDOM_APPLY, "random-invert", DEEPER], "data.val.transforms": []},
    "one schedule": {"scheduler": {"use": "cosine", "warmup": "1ep", "eta_min": 0.001}},
    "schedules": {
        "scheduler": [{"use": "one-cycle", "max_lr": 0.3, "every": "step", "warmup": "5it"}, {"use": "plateau"}],
        "optimizer.momentum": 0.9,
    },
    "metrics": {"metrics": {"a": "accuracy", "f": {"use": "f1", "average": "macro"}}},
    "no metrics": {"metrics": {}},
    "callbacks": {"callbacks": ["progress", "tensorboard"], "log.tensorboard": True},
    "best and early stop": {
        "checkpoint.best": {"metric": "val/accuracy", "keep": 2},
        "train.early_stop": {"metric": "val/loss", "patience": "2ep", "mode": "min"},
        "checkpoint.every": "0.5ep",
    },
    "no validation": ["~data.val", "~data.train.split"],
    "a test set": ['data.test.use="fake"', "data.test.channels=1", "data.test.size=[8,8]"],
    "steps and tasks": ["~train.epochs", "train.steps=7", "task=classification", "task.aux_weight=0.1"],
    "class weights": ["loss.use=cross-entropy", "loss.weight=inverse", "loss.label_smoothing=0.1"],
    "listed weights": ["loss.use=cross-entropy", "loss.weight=[1,2,3,4,5,6,7,8,9,10]"],
    "fine-tuning": {
        "finetune.freeze": [{"match": "layers.1.*", "until": "1ep"}],
        "finetune.groups": [{"match": "layers.4.*", "lr": 0.01}],
    },
    "every nesting": {
        "data.train.transforms": [
            {
                "use": "ladder",
                "rungs": RUNGS,
                "by_name": {"one": "random-invert", "two words": RANDOM_APPLY},
                "tables": [{"a": 1}, {"b": {"c": [1, 2]}}],
                "table": {"x": {"y": 1}, "z": "w"},
            }
        ]
    },
    "every type": {
        "data.train.transforms": [
            {"use": "named", "text": 'tab\t"quote" # no comment\nline ä', "file": "~/x y", "files": ["a", "/b"]},
            {"use": "named", "pair": [2, "c"], "maybe": -1, "mode": "b", "large": 1e-300},
        ]
    },
}


def resolve(spec: Path, overrides: Any = ()) -> tuple[Plan, list[Value], str]:
    """Plan and build a spec, and write it resolved."""
    plan = make_plan(load_spec(spec, overrides), Registry())
    _, builder = build(plan, RunDirectory(spec.parent / "run"))
    values = list(list_values(plan, builder.filled))
    return plan, values, write_resolved(values)


def reread(text: str, folder: Path) -> Plan:
    """Plan a resolved spec that lies somewhere else."""
    folder.mkdir()
    (folder / "resolved.toml").write_text(text, encoding="utf-8")
    return make_plan(load_spec(folder / "resolved.toml"), Registry())


def pairs(values: list[Value]) -> dict[tuple[Any, ...], Any]:
    found = {value.path: value.value for value in values}
    assert len(found) == len(values)
    return found


def build(plan: Plan, directory: RunDirectory) -> tuple[Trainer, Builder]:
    return build_trainer(plan, directory, Group(), lambda model: None)


@pytest.mark.parametrize("name", SPECS)
def test_it_means_the_same_value_by_value(name: str, spec: Path, local_plugin: Callable[[str], None]) -> None:
    """And resolved once more it is still the same but for the origins."""
    local_plugin(PLUGIN)
    _, values, text = resolve(spec, SPECS[name])
    again = list(list_values(reread(text, spec.parent / "again"), {}))
    assert pairs(again) == pairs(values)
    assert tomllib.loads(write_resolved(again)) == tomllib.loads(text)


@pytest.mark.parametrize("name", SPECS)
def test_it_builds_the_same_run(name: str, spec: Path, local_plugin: Callable[[str], None]) -> None:
    """With nothing left for the data to say."""
    local_plugin(PLUGIN)
    plan, _, text = resolve(spec, SPECS[name])
    directory = RunDirectory(spec.parent / "run")
    again, builder = build(reread(text, spec.parent / "again"), directory)
    first, _ = build(plan, directory)
    assert not builder.filled
    assert str(again.run.task) == str(first.run.task)
    assert str(again.run.optimizer) == str(first.run.optimizer)
    assert [repr(course.state()) for course in again.schedule.courses] == [
        repr(course.state()) for course in first.schedule.courses
    ]
    assert again.run.total_steps == first.run.total_steps
    assert again.store.watches == first.store.watches
    assert again.early_stop == first.early_stop
    assert list(again.val_meter.counted) == list(first.val_meter.counted)


def test_what_the_data_says_is_written_down_as_the_datas(spec: Path) -> None:
    _, values, text = resolve(spec)
    assert "num_classes = 10 # data\n" in text
    origins = {value.path: value.origin for value in values}
    assert origins[("loss", "class_counts")] == origins[("model", "image_size")] == "data"


def test_names_are_written_in_full(spec: Path) -> None:
    registry = spec.with_name("registry.toml")
    registry.write_text('schema = 1\n[alias.model]\nsmall = "builtin/mlp"\n')
    _, values, text = resolve(spec, ["model.use=small"])
    assert pairs(values)[("model", "use")] == "builtin/mlp"
    registry.unlink()
    assert pairs(list(list_values(reread(text, spec.parent / "again"), {}))) == pairs(values)


def test_a_base_is_part_of_it(spec: Path) -> None:
    spec.with_name("base.toml").write_text(spec.read_text())
    spec.write_text('spec = 1\nbase = "base.toml"\n[optimizer]\nlr = 0.2\n')
    _, values, text = resolve(spec)
    spec.with_name("base.toml").unlink()
    assert pairs(list(list_values(reread(text, spec.parent / "again"), {}))) == pairs(values)
    assert pairs(values)[("optimizer", "lr")] == 0.2


def test_paths_are_absolute_wherever_they_are_nested(
    spec: Path, local_plugin: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    local_plugin(PLUGIN)
    monkeypatch.setenv("HOME", "/somebody")
    named = {"use": "named", "file": "~/a", "files": ["b", "/c"]}
    rungs = [{"inner": {"use": "random-apply", "transforms": [named]}}]
    _, values, _ = resolve(spec, {"data.train.transforms": [{"use": "ladder", "rungs": rungs}, "named"]})
    found = pairs(values)
    inner = ("data", "train", "transforms", 0, "rungs", 0, "inner", "transforms", 0)
    assert found[(*inner, "file")] == "/somebody/a"
    assert found[(*inner, "files")] == [str(spec.parent / "b"), "/c"]
    assert found[("data", "train", "transforms", 1, "file")] == str(spec.parent / "here")
