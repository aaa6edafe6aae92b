"""From a target's signature to the parameters of a spec."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from retinue.errors import PluginError, UnknownComponent
from retinue.hooks import KINDS, NestedTable
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.plugins.parameters import Signature, read_signature
from retinue.plugins.registry import Registry
from retinue.validation import validate

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site

LABEL = "(retinue-acme 1.0)"


def part(site: Site, source: str, kind: str = "model", **options: str) -> Component:
    """Return the component acme/part, whose target is `part` in this source."""
    arguments = "".join(f", {name}={value!r}" for name, value in options.items())
    line = f"register('part', 'retinue_acme.parts:part', summary='s'{arguments})"
    hook = KINDS[kind].hook.removeprefix("retinue_")
    site.offer("acme", line, kind=hook, parts="from __future__ import annotations\n" + dedent(source))
    return Registry().resolve(kind, "part")


def signature(site: Site, source: str, kind: str = "model", **options: str) -> Signature:
    return read_signature(part(site, source, kind, **options))


def refusal(site: Site, source: str, kind: str = "model", **options: str) -> str:
    with pytest.raises(PluginError) as caught:
        signature(site, source, kind, **options)
    message = str(caught.value)
    assert message.startswith(f"{kind} acme/part {LABEL}: ")
    return message.removeprefix(f"{kind} acme/part {LABEL}: ")


def refuses(model: type[BaseModel], /, **values: Any) -> bool:
    return isinstance(validate(model, values, (), lambda path, key: None), list)


@pytest.mark.parametrize(
    "source",
    [
        "def part(depth: int, rate: float = 0.5): ...",
        "def part(*, depth: int, rate: float = 0.5): ...",
        "class part:\n    def __init__(self, depth: int, rate: float = 0.5): ...",
        "from dataclasses import dataclass\n@dataclass\nclass part:\n    depth: int\n    rate: float = 0.5",
    ],
    ids=["function", "keywords", "class", "dataclass"],
)
def test_parameters_come_from_the_signature(site: Site, source: str) -> None:
    model = signature(site, source).model
    assert model.model_validate({"depth": 3}).model_dump() == {"depth": 3, "rate": 0.5}
    assert refuses(model)
    assert refuses(model, depth="deep")
    assert refuses(model, depth=3, rat=0.1)


def test_constraints_of_annotations_hold(site: Site) -> None:
    source = """\
        from typing import Annotated, Literal
        from annotated_types import Gt
        def part(rate: Annotated[float, Gt(0)] = 0.1, mode: Literal["a", "b"] = "a"): ...
        """
    model = signature(site, source).model
    assert not refuses(model, rate=1.0, mode="b")
    assert refuses(model, rate=0.0)
    assert refuses(model, mode="c")


def test_nothing_to_set_is_a_signature_too(site: Site) -> None:
    assert not signature(site, "class part: ...").model.model_fields


def test_missing_annotations_are_named(site: Site) -> None:
    assert refusal(site, "def part(depth, width: int, rate=0.5): ...") == "parameters without a type: depth, rate"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ("*sizes: int", "*sizes"),
        ("depth: int, **rest: int", "**rest"),
        ("depth: int, /", "depth"),
        ("_depth: int = 3", "_depth"),
    ],
)
def test_what_a_spec_cannot_name_is_refused(site: Site, parameters: str, named: str) -> None:
    message = refusal(site, f"def part({parameters}): ...")
    assert message.startswith(f"parameter {named}: ")
    assert 'cannot be named in a spec; write each one out, or register with params="package.module:Model"' in message


@pytest.mark.parametrize(
    ("imports", "annotation", "shown"),
    [
        ("from collections.abc import Callable", "Callable[[int], int]", "collections.abc.Callable[[int], int]"),
        ("from torch import Tensor", "Tensor", "<class 'torch.Tensor'>"),
        ("from torch import nn", "list[nn.Module]", "list[torch.nn.modules.module.Module]"),
        ("from torch import Tensor", "Tensor | None", "torch.Tensor | None"),
    ],
)
def test_types_that_json_cannot_hold_are_refused(site: Site, imports: str, annotation: str, shown: str) -> None:
    message = refusal(site, f"{imports}\ndef part(depth: int, odd: {annotation}): ...")
    assert message == (
        f"parameter odd has the type {shown}, which a spec cannot hold; "
        'use plain types, or register with params="package.module:Model"'
    )


@pytest.mark.parametrize("annotation", ["Tensr", "int | 'str'", "typing.Intt", "not a type"])
def test_types_that_cannot_be_read_are_refused(site: Site, annotation: str) -> None:
    source = f'import typing\ndef part(depth: int, odd): ...\npart.__annotations__["odd"] = "{annotation}"'
    assert refusal(site, source).startswith("the type of parameter odd cannot be read: ")


FORWARD = """\
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from torch.optim import Optimizer
def part(optimizer: Optimizer, total: int, {}: {}): ...
"""


def test_what_the_engine_passes_may_be_of_a_type_that_only_type_checkers_import(site: Site) -> None:
    found = signature(site, FORWARD.format("gamma", "float"), "scheduler")
    assert set(found.model.model_fields) == {"gamma"}


def test_what_a_spec_gives_may_not_be_of_a_type_that_only_type_checkers_import(site: Site) -> None:
    reason = refusal(site, FORWARD.format("other", "Optimizer"), "scheduler")
    assert reason == "the type of parameter other cannot be read: name 'Optimizer' is not defined"


@pytest.mark.parametrize(
    ("kind", "supplied"), [(kind.name, set(kind.supplied)) for kind in KINDS.values() if kind.supplied]
)
def test_what_the_engine_passes_is_no_parameter(site: Site, kind: str, supplied: set[str]) -> None:
    found = signature(site, f"def part({', '.join(sorted(supplied))}, gamma: float = 1.0): ...", kind)
    assert found.supplied == supplied
    assert set(found.model.model_fields) == {"gamma"}
    assert refuses(found.model, **{next(iter(supplied)): 1})


def test_what_the_engine_passes_to_one_kind_is_a_parameter_of_another(site: Site) -> None:
    assert set(signature(site, "def part(total: int, params: list[int]): ...").model.model_fields) == {
        "total",
        "params",
    }


def test_data_parameters_may_be_left_out_and_given(site: Site) -> None:
    found = signature(site, "def part(num_classes: int, in_channels: int = 3, depth: int = 2): ...")
    assert found.from_data == {"num_classes", "in_channels"}
    left_out = found.model.model_validate({})
    assert (left_out.num_classes, left_out.in_channels, left_out.depth) == (None, None, 2)  # type: ignore[attr-defined]
    assert not refuses(found.model, num_classes=5)
    assert refuses(found.model, num_classes="five")


DOCUMENTED = {
    "function": """\
        def part(depth: int, rate: float = 0.5):
            '''Build.

            Args:
                depth: how deep
                    it is.
            '''
        """,
    "class": """\
        class part:
            '''A net.

            Args:
                depth: how deep it is.
            '''
            def __init__(self, depth: int, rate: float = 0.5): ...
        """,
    "init": """\
        class part:
            def __init__(self, depth: int, rate: float = 0.5):
                '''Build.

                Args:
                    depth: how deep it is.
                '''
        """,
}


@pytest.mark.parametrize("source", DOCUMENTED.values(), ids=DOCUMENTED)
def test_docs_come_from_google_docstrings(site: Site, source: str) -> None:
    fields = signature(site, source).model.model_fields
    assert fields["depth"].description == "how deep it is."
    assert fields["rate"].description is None


NESTED = """\
from typing import Annotated
from pydantic import BaseModel
from retinue.hooks import Nested

class Term(BaseModel):
    loss: Annotated[object, Nested("loss")]
    weight: float = 1.0

def part(
    encoder: Annotated[object, Nested("model")],
    terms: list[Term],
    also: list[Annotated[object, Nested("transform")]] = [],
    maybe: Annotated[object, Nested("model")] | None = None,
): ...
"""


def meant(nested: NestedTable) -> tuple[str, dict[str, Any]]:
    return nested.kind, nested.table


def test_nested_components_are_named_or_tables(site: Site) -> None:
    model = signature(site, NESTED, "loss").model
    values: Any = model.model_validate(
        {
            "encoder": "resnet18",
            "terms": [{"loss": {"use": "dice", "smooth": 1}, "weight": 2.0}, {"loss": "mse"}],
            "also": ["pad", {"use": "resize", "size": 8}],
        }
    )
    assert meant(values.encoder) == ("model", {"use": "resnet18"})
    assert meant(values.terms[0].loss) == ("loss", {"use": "dice", "smooth": 1})
    assert values.terms[0].weight == 2.0
    assert meant(values.terms[1].loss) == ("loss", {"use": "mse"})
    pad, resize = map(meant, values.also)
    assert pad == ("transform", {"use": "pad"})
    assert resize == ("transform", {"use": "resize", "size": 8})
    assert values.maybe is None
    assert refuses(model, encoder=5, terms=[])


PARAMS = """\
from pydantic import BaseModel, Field

class Params(BaseModel):
    depth: int = Field(3, ge=1, description="how deep it is.")
    num_classes: int = Field(ge=1)

def part({}): ...
"""


def test_declared_parameters_stand_in_for_the_signature(site: Site) -> None:
    found = signature(site, PARAMS.format("**everything"), params="retinue_acme.parts:Params")
    assert found.from_data == {"num_classes"}
    assert found.model.model_fields["depth"].description == "how deep it is."
    assert found.model.model_validate({}).model_dump() == {"depth": 3, "num_classes": None}
    assert refuses(found.model, depth=0)
    assert refuses(found.model, num_classes=0)
    assert refuses(found.model, depht=3)


def test_declared_parameters_hide_what_the_engine_passes(site: Site) -> None:
    source = PARAMS.format("optimizer, depth, num_classes")
    assert signature(site, source, "scheduler", params="retinue_acme.parts:Params").supplied == {"optimizer"}


@pytest.mark.parametrize(
    ("source", "params", "reason"),
    [
        (PARAMS.format("depth, classes"), "Params", "params has num_classes, which the target does not take"),
        ("class Params: ...\ndef part(**k): ...", "Params", "params is no pydantic model"),
        ("Params = 5\ndef part(**k): ...", "Params", "params is no pydantic model"),
    ],
)
def test_declared_parameters_that_do_not_fit_are_refused(site: Site, source: str, params: str, reason: str) -> None:
    assert refusal(site, source, params=f"retinue_acme.parts:{params}") == reason


def test_declared_parameters_that_are_not_there_are_refused(site: Site) -> None:
    with pytest.raises(PluginError, match=r"cannot be loaded: retinue_acme\.parts:Params: AttributeError"):
        signature(site, "def part(**k): ...", params="retinue_acme.parts:Params")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("dataset", "transforms"),
        ("dataset", "split"),
        ("scheduler", "every"),
        ("scheduler", "warmup"),
        ("scheduler", "metric"),
        ("model", "use"),
    ],
)
def test_the_frameworks_keys_are_no_parameters(site: Site, kind: str, key: str) -> None:
    reason = f"{key} is the framework's key: rename the parameter"
    assert refusal(site, f"def part({key}: int = 3): ...", kind) == reason


def test_the_frameworks_keys_are_no_declared_parameters(site: Site) -> None:
    source = "from pydantic import BaseModel\nclass Params(BaseModel):\n    split: int\ndef part(**k): ..."
    reason = "split is the framework's key: rename the parameter"
    assert refusal(site, source, "dataset", params="retinue_acme.parts:Params") == reason


def test_the_frameworks_keys_of_one_kind_are_free_in_another(site: Site) -> None:
    assert set(signature(site, "def part(split: int, every: int): ...").model.model_fields) == {"split", "every"}


def test_target_that_is_no_function_is_refused(site: Site) -> None:
    assert refusal(site, "part = 5") == "5 does not tell what it takes"


def test_parameters_may_be_called_as_pydantic_calls_its_own(site: Site) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = signature(site, "def part(copy: bool = True, schema: str = 'a', model_name: str = 'b'): ...").model
    assert refuses(model, copy="no")
    assert not refuses(model, copy=False, schema="x", model_name="y")


FAMILY = """\
def part(name: str, depth: int = 3): ...

def names():
    return ["lion", "tiger"]
"""


def family(site: Site, source: str = FAMILY) -> Registry:
    line = "register('*', 'retinue_acme.parts:part', summary='s', lister='retinue_acme.parts:names')"
    site.offer("acme", line, parts=source)
    return Registry()


def test_member_of_a_family_does_not_show_its_name_as_a_parameter(site: Site) -> None:
    found = read_signature(family(site).resolve("model", "acme/lion"))
    assert set(found.model.model_fields) == {"depth"}
    assert found.supplied == {"name"}


@pytest.mark.parametrize(("name", "meant"), [("acme/tigre", "acme/tiger"), ("acme/qqqqqqqqqqq", None)])
def test_name_that_a_family_does_not_list_is_unknown(site: Site, name: str, meant: str | None) -> None:
    with pytest.raises(UnknownComponent) as caught:
        read_signature(family(site).resolve("model", name))
    assert caught.value.problem.message == f'no model named "{name}"'
    assert caught.value.problem.suggestion == meant


def test_family_as_a_whole_is_no_component(site: Site) -> None:
    with pytest.raises(UnknownComponent, match=r'no model named "acme/\*"'):
        read_signature(family(site).resolve("model", "acme/*"))


def scale(factor: Path, other: int = 2) -> None:
    """Its annotations are text, to be read among the names of this module."""


@functools.wraps(scale)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    "target", [scale, wrapped, functools.partial(scale, other=3)], ids=["plain", "wrapped", "partial"]
)
def test_annotations_are_read_where_they_were_written(target: Any) -> None:
    # `Path` would mean something else, or nothing, among the names of functools.
    component = Component("model", "scale", Plugin("inhouse", "inhouse.py"), target, "s")
    assert read_signature(component).model.model_fields["factor"].annotation is Path
