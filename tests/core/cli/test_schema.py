"""retinue schema"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from retinue.plan.json_schema import write_json_schema
from retinue.plugins.registry import Registry
from retinue.spec.schema import RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer


ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """Of everything that is installed."""
    written = write_json_schema(Registry())
    Draft202012Validator.check_schema(written)
    return written


def complain(schema: dict[str, Any], spec: dict[str, Any]) -> list[str]:
    """Return what an editor would underline, by dotted place."""
    return sorted({".".join(map(str, error.path)) for error in Draft202012Validator(schema).iter_errors(spec)})


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "docs" / "examples" / name).read_text())


def test_the_command_prints_it(command: Callable[..., Answer]) -> None:
    answer = command("schema")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(answer.json["properties"]) == set(RunSpec.model_fields)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docs" / "examples").glob("*.toml")))
def test_examples_fit(schema: dict[str, Any], name: str) -> None:
    spec = read(name)
    if "base" not in spec:
        assert complain(schema, spec) == []


def set_in(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *tables, last = path.split(".")
    place = spec
    for key in tables:
        place = place.setdefault(key, {})
    place[last] = value
    return spec


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("model.use", "resnet21", "model"),
        ("model.wdith", 3, "model"),
        ("model", "resnet20", None),
        ("model", {"use": "timm-backbones/resnet18"}, None),
        ("model", {"use": "timm-backbones/resnet19"}, "model"),
        ("model", {"use": "unet", "encoder": {"use": "resnet34"}}, None),
        ("model", {"use": "unet", "encoder": {"use": "resnet34", "depht": 3}}, "model"),
        ("optimizer.lr", "fast", "optimizer"),
        ("optimizer", {"use": "sgd"}, "optimizer"),
        ("train.epochs", 0, "train.epochs"),
        ("train.epoch", 1, "train"),
        ("data.train.transforms", ["random-horizontal-flip", {"use": "resize", "size": 8}], None),
        ("data.train.transforms", [{"use": "resize", "sise": 8}], "data.train"),
        ("loss", {"use": "sum", "terms": [{"loss": "cross-entropy"}, {"loss": {"use": "dice"}, "weight": 0.5}]}, None),
        ("loss", {"use": "sum", "terms": [{"loss": "cross-entorpy"}]}, "loss"),
        ("scheduler", {"use": "cosine", "every": "step", "warmup": "1ep"}, None),
        ("scheduler", [{"use": "cosine", "every": "stepp"}], "scheduler"),
        ("metrics", {"iou": "iou", "top5": {"use": "top-k", "k": 5}}, None),
        ("metrics", {"top5": {"use": "top-k", "j": 5}}, "metrics"),
    ],
)
def test_parameters_of_components_are_checked(schema: dict[str, Any], path: str, value: Any, place: str | None) -> None:
    found = complain(schema, set_in(read("digits.toml"), path, value))
    assert bool(found) == (place is not None), found
    assert place is None or any(where.startswith(place) for where in found), found


def test_what_builds_on_another_spec_may_leave_much_out(schema: dict[str, Any]) -> None:
    assert complain(schema, {"base": "digits.toml", "train": {"epochs": 3}}) == []
    assert complain(schema, {"train": {"epochs": 3}}) == [""]
