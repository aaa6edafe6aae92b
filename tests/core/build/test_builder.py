"""From a planned component to the thing itself."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from retinue.build import Builder
from retinue.errors import PluginError, SpecError

FACTS = {"num_classes": 10, "in_channels": 1, "image_size": [8, 8]}

PLUGIN = """
from collections.abc import Callable
from torch import nn
from pydantic import BaseModel
from retinue.api import NestedLoss, NestedModel
from retinue.hooks import hookimpl

class Recorded(nn.Module):
    def __init__(self, **given) -> None:
        super().__init__()
        self.given = given

def plain(num_classes: int, ignore_index: int = -7, width: int = 3) -> nn.Module:
    return Recorded(num_classes=num_classes, ignore_index=ignore_index, width=width)

def around(inner: NestedModel, others: dict[str, NestedModel] | None = None) -> nn.Module:
    return Recorded(inner=inner, others=others)

def refuses(reason: str) -> nn.Module:
    raise {"value": ValueError, "assert": AssertionError, "import": ImportError}[reason](f"because of {reason}")

def crashes() -> nn.Module:
    raise KeyError("a mistake of the plug-in's own")

class Wide(BaseModel):
    num_classes: int
    width: int = 3

def declared(**given) -> nn.Module:
    return Recorded(**given)

@hookimpl
def retinue_models(register):
    register("plain", plain, summary="-")
    register("around", around, summary="-")
    register("refuses", refuses, summary="-")
    register("crashes", crashes, summary="-")
    register("declared", declared, params=Wide, summary="-")
    register("number", lambda: 3, summary="-")

@hookimpl
def retinue_metrics(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_losses(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_datasets(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_transforms(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_callbacks(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_optimizers(register): register("number", lambda: 3, summary="-")
@hookimpl
def retinue_schedulers(register): register("number", lambda: 3, summary="-")
"""


@pytest.fixture
def model(plan, local_plugin: Callable[[str], None]) -> Callable[..., Any]:
    """Build the model that is named; its parameters as overrides."""
    local_plugin(PLUGIN)

    def build(use: str, facts: dict[str, Any] = FACTS, **parameters: Any) -> Any:
        overrides = {"model.use": use, **{f"model.{key}": value for key, value in parameters.items()}}
        builder = Builder(plan(overrides), dict(facts))
        return builder.build(builder.plan.model), builder.filled

    return build


def test_what_the_spec_leaves_out_comes_from_the_data(model) -> None:
    built, filled = model("plain")
    assert built.given == {"num_classes": 10, "ignore_index": -7, "width": 3}
    assert filled == {("model", "num_classes"): 10}


def test_the_specs_word_goes_before_the_datas(model) -> None:
    built, filled = model("plain", num_classes=4)
    assert built.given["num_classes"] == 4
    assert not filled


def test_the_data_goes_before_a_default(model) -> None:
    built, filled = model("plain", {**FACTS, "ignore_index": 255})
    assert built.given["ignore_index"] == 255
    assert filled[("model", "ignore_index")] == 255


def test_what_nobody_tells_is_asked_for_at_its_place(model) -> None:
    with pytest.raises(SpecError) as caught:
        model("plain", {})
    problem = caught.value.problems[0]
    assert problem.message == (
        'model "vision/plain" cannot be built: it needs "num_classes", which the data set does not tell; '
        "give it in the spec"
    )
    assert problem.position is not None


def test_declared_parameters_are_filled_too(model) -> None:
    assert model("declared", width=5)[0].given == {"num_classes": 10, "width": 5}
    with pytest.raises(SpecError, match='it needs "num_classes"'):
        model("declared", {})


def test_nested_components_arrive_built_and_filled(model) -> None:
    inner, others = {"use": "plain", "width": 9}, {"a": "mlp", "b": {"use": "mlp", "hidden": [4]}}
    built, filled = model("around", inner=inner, others=others)
    assert built.given["inner"].given == {"num_classes": 10, "ignore_index": -7, "width": 9}
    assert filled[("model", "inner", "num_classes")] == 10
    assert isinstance(built.given["others"]["a"], nn.Module)
    assert built.given["others"]["b"].layers[1].out_features == 4


@pytest.mark.parametrize("reason", ["value", "assert", "import"])
def test_a_target_that_refuses_its_parameters_is_the_specs_mistake(model, reason: str) -> None:
    with pytest.raises(SpecError, match=f'model "vision/refuses" cannot be built: because of {reason}'):
        model("refuses", reason=reason)


def test_a_plugins_own_mistake_keeps_its_traceback(model) -> None:
    with pytest.raises(KeyError):
        model("crashes")


KINDS: dict[str, tuple[Any, str]] = {
    "model": (["model.use=vision/number"], "a torch.nn.Module"),
    "loss": (["loss=vision/number"], "a torch.nn.Module"),
    "metric": ({"metrics.n": "vision/number"}, "a retinue.api.Metric or a torchmetrics.Metric"),
    "dataset": (["data.train=vision/number", "~data.val"], "a retinue.api.Dataset"),
    "transform": (
        {"data.train.transforms": ["vision/number"]},
        "a function of a sample, a retinue.api.KeyedTransform or a BatchTransform",
    ),
    "callback": ({"callbacks": ["vision/number"]}, "a retinue.api.Callback"),
    "optimizer": (["optimizer.use=vision/number"], "a torch.optim.Optimizer"),
    "scheduler": ({"scheduler": ["vision/number"]}, "a torch.optim.lr_scheduler.LRScheduler"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_plugin_returns_must_be_what_its_kind_promises(kind: str, build, local_plugin) -> None:
    local_plugin(PLUGIN)
    overrides, promised = KINDS[kind]
    message = rf"^{kind} vision/number \(local file .*\) must give {re.escape(promised)}, not int$"
    with pytest.raises(PluginError, match=message):
        build(overrides)
