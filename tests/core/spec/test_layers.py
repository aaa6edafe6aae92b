"""A base, what builds on it and overrides: what they come to, and who said it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from retinue.errors import SpecError
from retinue.spec.layers import Layers, read_layers
from retinue.spec.loading import load_spec
from retinue.spec.overrides import parse_overrides

BASE = {
    "name": "base",
    "train": {"epochs": 3, "device": "cpu"},
    "optimizer": {"use": "sgd", "lr": 0.1, "momentum": 0.9},
    "model": "lenet",
    "data": {"train": {"use": "csv", "file": "x", "transforms": ["rgb", "whiten"], "split": {"fraction": 0.8}}},
    "scheduler": {"use": "cosine", "eta_min": 0.1, "every": "step", "warmup": "1ep"},
}


def layer(folder: Path, above: Mapping[str, Any], overrides: Iterable[str] | Mapping[str, Any] = ()) -> Layers:
    (folder / "base.json").write_text(json.dumps(BASE))
    (folder / "spec.json").write_text(json.dumps({"base": "base.json", **above}))
    return read_layers(folder / "spec.json", parse_overrides(overrides))


@pytest.mark.parametrize(
    ("above", "path", "value"),
    [
        ({"name": "top"}, ("name",), "top"),
        ({"train": {"epochs": 5}}, ("train",), {"epochs": 5, "device": "cpu"}),
        ({"train": {"steps": 5}}, ("train",), {"epochs": 3, "device": "cpu", "steps": 5}),
        ({"train": 5}, ("train",), 5),
        ({"data": {"train": {"transforms": ["rgb"]}}}, ("data", "train", "transforms"), ["rgb"]),
        ({"data": {"train": {"split": {"seed": 1}}}}, ("data", "train", "split"), {"fraction": 0.8, "seed": 1}),
        ({"optimizer": {"lr": 1.0}}, ("optimizer",), {"use": "sgd", "lr": 1.0, "momentum": 0.9}),
        ({"optimizer": {"use": "sgd", "lr": 1.0}}, ("optimizer",), {"use": "sgd", "lr": 1.0, "momentum": 0.9}),
        ({"optimizer": {"use": "adam"}}, ("optimizer",), {"use": "adam"}),
        ({"optimizer": {"use": "adam", "eps": 1.0}}, ("optimizer",), {"use": "adam", "eps": 1.0}),
        ({"optimizer": "adam"}, ("optimizer",), "adam"),
        ({"model": {"num_classes": 3}}, ("model",), {"use": "lenet", "num_classes": 3}),
        ({"model": {"use": "mlp", "hidden": [3]}}, ("model",), {"use": "mlp", "hidden": [3]}),
        (
            {"data": {"train": {"use": "digits"}}},
            ("data", "train"),
            {"use": "digits", "transforms": ["rgb", "whiten"], "split": {"fraction": 0.8}},
        ),
        (
            {"scheduler": {"use": "step", "step_size": 2}},
            ("scheduler",),
            [{"use": "step", "step_size": 2, "every": "step", "warmup": "1ep"}],
        ),
        ({"scheduler": [{"use": "step"}]}, ("scheduler",), [{"use": "step"}]),
        ({"scheduler": "step"}, ("scheduler",), ["step"]),
    ],
)
def test_tables_merge_and_all_else_replaces(above: Any, path: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    assert inside(layer(tmp_path, above).values, path) == value


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["name=top"], ("name",), "top"),
        (["train.epochs=5", "train.epochs=7"], ("train", "epochs"), 7),
        (["train.early_stop.metric=val/loss"], ("train", "early_stop"), {"metric": "val/loss"}),
        (["log.every=5"], ("log",), {"every": 5}),
        (["data.train.transforms.0=whiten"], ("data", "train", "transforms"), ["whiten", "whiten"]),
        (["data.train.transforms.1.eps=1"], ("data", "train", "transforms", 1), {"use": "whiten", "eps": 1}),
        (["data.train.transforms=[]"], ("data", "train", "transforms"), []),
        (["~data.train.transforms.0"], ("data", "train", "transforms"), ["whiten"]),
        (["~train.device"], ("train",), {"epochs": 3}),
        (["~train", "train.steps=5"], ("train",), {"steps": 5}),
        (["train.steps=5", "~train.epochs"], ("train",), {"steps": 5, "device": "cpu"}),
        (['optimizer={use = "adam"}'], ("optimizer",), {"use": "adam"}),
        (["optimizer.use=adam"], ("optimizer",), {"use": "adam"}),
        (["optimizer.use=sgd"], ("optimizer",), {"use": "sgd", "lr": 0.1, "momentum": 0.9}),
        (["optimizer.use=adam", "optimizer.lr=2.0"], ("optimizer",), {"use": "adam", "lr": 2.0}),
        (["optimizer.lr=2.0", "optimizer.use=adam"], ("optimizer",), {"use": "adam", "lr": 2.0}),
        (["model.num_classes=3"], ("model",), {"use": "lenet", "num_classes": 3}),
        (["model.use=mlp"], ("model",), {"use": "mlp"}),
        (["scheduler.every=epoch"], ("scheduler", 0, "every"), "epoch"),
        (["scheduler.0.every=epoch"], ("scheduler", 0, "every"), "epoch"),
        (["scheduler=step", "scheduler.step_size=2"], ("scheduler",), [{"use": "step", "step_size": 2}]),
        (["~scheduler", "scheduler.use=step"], ("scheduler",), [{"use": "step"}]),
        (["metrics.1=f1"], ("metrics",), {"1": "f1"}),
        (
            ["checkpoint.best.metric=val/iou", "checkpoint.best.keep=2"],
            ("checkpoint", "best"),
            [{"metric": "val/iou", "keep": 2}],
        ),
    ],
)
def test_overrides_apply_one_after_the_other(
    overrides: list[str], path: tuple[str | int, ...], value: Any, tmp_path: Path
) -> None:
    above = {"metrics": {}} if overrides[0].startswith("metrics") else {}
    assert inside(layer(tmp_path, above, overrides).values, path) == value


def test_files_are_left_as_they_were_read(tmp_path: Path) -> None:
    layers = layer(tmp_path, {"train": {"epochs": 5}}, ["data.train.split.seed=1", "data.train.transforms.0=whiten"])
    spec, base = layers.documents
    assert spec.values == {"base": "base.json", "train": {"epochs": 5}}
    assert base.values == BASE


def test_who_said_it(tmp_path: Path) -> None:
    layers = layer(
        tmp_path,
        {"train": {"epochs": 5}, "optimizer": {"use": "adam", "eps": 1.0}},
        ["scheduler.every=epoch", "data.train.transforms.1=rgb", "~train.device"],
    )
    spec, base = str(tmp_path / "spec.json"), str(tmp_path / "base.json")
    for path, source in (
        (("train", "epochs"), spec),
        (("name",), base),
        (("optimizer", "use"), spec),
        (("data", "train", "transforms", 0), base),
        (("data", "train", "transforms", 1), "command line"),
        (("scheduler", 0, "every"), "command line"),
        (("scheduler", 0, "warmup"), base),
        # The base says it of another optimizer, and an override takes it away.
        (("optimizer", "lr"), None),
        (("train", "device"), None),
        (("seed",), None),
    ):
        assert layers.origin(path) == source, path


def test_place_is_where_it_was_said_last(tmp_path: Path) -> None:
    layers = layer(tmp_path, {"train": {"epochs": 5}}, ["optimizer.lr=2", "optimizer.lr=3"])
    places = {path: layers.locate(path) for path in (("train", "epochs"), ("train", "device"), ("optimizer", "lr"))}
    assert [position.file for position in places.values() if position] == [
        str(tmp_path / "spec.json"),
        str(tmp_path / "base.json"),
        "command line",
    ]
    assert str(layers.locate(("optimizer", "lr"))) == "command line:2:14"
    assert str(layers.locate(("optimizer", "lr"), key=True)) == "command line:2:1"


@pytest.mark.parametrize("form", ["toml", "yaml", "json"])
def test_mistake_in_a_base_has_its_place_there(form: str, tmp_path: Path, check) -> None:
    base = {
        "toml": 'spec = 1\nmodel = "lenett"\n[train]\nepochs = "x"\n',
        "yaml": "spec: 1\nmodel: lenett\ntrain:\n  epochs: x\n",
        "json": '{"spec": 1,\n"model": "lenett",\n"train": {\n"epochs": "x"}}',
    }[form]
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / f"base.{form}").write_text(base)
    (tmp_path / "parts" / "middle.toml").write_text(f'base = "base.{form}"\ndata = {{ train = "digits" }}\nsede = 1\n')
    (tmp_path / "spec.yaml").write_text("base: parts/middle.toml\noptimizer:\n  use: sgdd\n")
    found = [str(problem.position) for problem in check(tmp_path / "spec.yaml").problems]
    columns = {"toml": (9, 10), "yaml": (8, 11), "json": (10, 11)}[form]
    assert found == [
        f"{tmp_path}/parts/base.{form}:2:{columns[0]}",
        f"{tmp_path}/parts/base.{form}:4:{columns[1]}",
        f"{tmp_path}/parts/middle.toml:3:1",
        f"{tmp_path}/spec.yaml:3:8",
    ]


@pytest.mark.parametrize("form", ["toml", "yaml", "json"])
def test_base_that_builds_on_itself(form: str, tmp_path: Path) -> None:
    text = {"toml": 'base = "{}"', "yaml": "base: {}", "json": '{{"base": "{}"}}'}[form]
    for name, base in (("a", f"b.{form}"), ("b", f"./c.{form}"), ("c", f"../{tmp_path.name}/a.{form}")):
        (tmp_path / f"{name}.{form}").write_text(text.format(base))
    with pytest.raises(SpecError) as caught:
        read_layers(tmp_path / f"a.{form}", [])
    [problem] = caught.value.problems
    assert problem.message == f'base "../{tmp_path.name}/a.{form}" builds on this file itself'
    assert problem.position is not None
    assert Path(problem.position.file).name == f"c.{form}"
    assert (problem.position.line, problem.position.column) == (1, {"toml": 8, "yaml": 7, "json": 10}[form])


def test_base_of_what_stands_alone_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "resolved.toml"
    path.write_text('spec = 1\nbase = "../other.toml"\n')
    with pytest.raises(SpecError) as caught:
        load_spec(path, alone=True)
    [problem] = caught.value.problems
    assert problem.message == "the spec of a run stands alone: it has no base"
    assert str(problem.position) == f"{path}:2:8"


@pytest.mark.parametrize(
    ("base", "text", "place", "message"),
    [
        ("below.toml", None, "spec.toml:2:8", 'there is no base "below.toml"'),
        (".", None, "spec.toml:2:8", 'there is no base "."'),
        ("\\u0000.toml", None, "spec.toml:2:8", "there is no base"),
        (f"{'x' * 300}.toml", None, "spec.toml:2:8", "there is no base"),
        ("below.txt", "a = 1", "spec.toml:2:8", 'a spec ends in .toml, .yaml, .yml, .json, not in ".txt"'),
        ("below.json", '{"a": 1,\n b}', "below.json:2:2", "not valid JSON"),
        ("below.yaml", "a: 1\na: 2", "below.yaml:2:1", '"a" is written twice'),
    ],
)
def test_base_that_cannot_be_read(base: str, text: str | None, place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(f'spec = 1\nbase = "{base}"\n')
    if text is not None:
        (tmp_path / base).write_text(text)
    with pytest.raises(SpecError) as caught:
        read_layers(tmp_path / "spec.toml", [])
    [problem] = caught.value.problems
    assert str(problem.position) == f"{tmp_path}/{place}"
    assert message in problem.message


def inside(values: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        values = values[part]
    return values
