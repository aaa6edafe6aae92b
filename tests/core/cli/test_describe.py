"""retinue describe"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from retinue.plugins.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site

NET = "register('net', 'retinue_acme.parts:Net', summary='a net')"

PARTS = '''\
from typing import Annotated, Literal
from annotated_types import Gt

class Net:
    """A net.

    Args:
        depth: how deep it is.
    """

    def __init__(
        self, depth: Annotated[int, Gt(0)], num_classes: int, mode: Literal["a", "b"] | None = None
    ) -> None: ...
'''


def test_json_tells_parameters_and_origin(site: Site, command: Callable[..., Answer]) -> None:
    folder = site.offer("acme", NET, parts=PARTS, version="0.3.1")
    answer = command("describe", "model", "net", "--json")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.json == {
        "kind": "model",
        "name": "acme/net",
        "summary": "a net",
        "plugin": "acme",
        "distribution": "retinue-acme",
        "version": "0.3.1",
        "source": f"{folder / 'parts.py'}:4",
        "deprecated": None,
        "parameters": [
            {"name": "depth", "type": "int > 0", "default": "(required)", "description": "how deep it is."},
            {
                "name": "num_classes",
                "type": "int",
                "default": "(from the data set)",
                "description": "number of classes, or of target values in regression",
            },
            {"name": "mode", "type": '"a" | "b"', "default": "None", "description": None},
        ],
        "framework_keys": {},
        "contract": "called with parameters, return a torch.nn.Module.",
        "example": '[model]\nuse = "net"\ndepth = <int > 0>',
    }


def test_table_tells_the_same(site: Site, command: Callable[..., Answer]) -> None:
    folder = site.offer("acme", NET, parts=PARTS)
    title, origin, blank, header, depth, *_ = command("describe", "model", "acme/net").out.splitlines()
    assert title == "model acme/net: a net"
    assert origin == f"retinue-acme 1.0, {folder / 'parts.py'}:4"
    assert blank == ""
    assert header.split() == ["parameter", "type", "default", "meaning"]
    assert depth.split(maxsplit=5) == ["depth", "int", ">", "0", "(required)", "how deep it is."]


def test_framework_keys_are_listed_with_their_kind(command: Callable[..., Answer]) -> None:
    answer = command("describe", "scheduler", "cosine", "--json").json
    assert set(answer["framework_keys"]) == {"every", "warmup", "metric"}
    lines = command("describe", "scheduler", "cosine").out.splitlines()
    assert any(line.startswith("warmup") and line.endswith("(the framework's key)") for line in lines)


def test_deprecated_component_says_what_to_use(site: Site, command: Callable[..., Answer]) -> None:
    site.offer("acme", "register('old', 'retinue_acme.parts:Net', summary='s', deprecated='acme/net')", parts=PARTS)
    assert "\ndeprecated: use acme/net\n" in command("describe", "model", "old").out
    assert command("describe", "model", "old", "--json").json["deprecated"] == "acme/net"


def test_defaults_are_shown_as_a_spec_would_have_them(site: Site, command: Callable[..., Answer]) -> None:
    parts = """\
        from pathlib import Path
        from pydantic import BaseModel, Field

        class Params(BaseModel):
            sizes: list[int] = Field(default_factory=lambda: [1, 2])
            betas: tuple[float, float] = (0.9, 0.99)
            file: Path = Path("a.csv")
            mode: str = "b"
            quick: bool = True
            inner: dict[str, int] = {"a": 1}

        def net(**everything): ...
        """
    line = "register('net', 'retinue_acme.parts:net', summary='s', params='retinue_acme.parts:Params')"
    site.offer("acme", line, parts=parts)
    parameters = command("describe", "model", "net", "--json").json["parameters"]
    assert [parameter["default"] for parameter in parameters] == [
        *("[1, 2]", "[0.9, 0.99]", '"a.csv"', '"b"', "true", "{a = 1}"),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lenett", 'error: no model named "lenett"\n    did you mean "lenet"? (builtin/lenet, retinue '),
        ("torchvision/resnet81", 'error: no model named "torchvision/resnet81"\n    did you mean "torchvision/resnet1'),
        ("torchvision/*", 'error: no model named "torchvision/*"'),
        ("noisy/net", 'error: model "noisy/net" is not to be had: plug-in noisy is broken\n    KeyError: 7\n'),
        (
            "acme/net",
            "error: model acme/net (retinue-acme 1.0) cannot be loaded: retinue_acme.parts:Net: KeyError: 8\n",
        ),
        ("acme/needy", 'error: model acme/needy (retinue-acme 1.0) needs nowhere: pip install "nowhere"\n'),
        ("acme/bare", "error: model acme/bare (retinue-acme 1.0): parameters without a type: depth\n"),
    ],
)
def test_component_that_cannot_be_had_is_exit_2_with_the_cause(
    site: Site, command: Callable[..., Answer], name: str, said: str
) -> None:
    site.install("noisy", "raise KeyError(7)")
    needy = "register('needy', 'm:A', summary='s', requires=['nowhere'])"
    bare = "register('bare', lambda depth: 0, summary='s')"
    site.offer("acme", NET, needy, bare, parts="raise KeyError(8)")
    answer = command("describe", "model", name)
    assert (answer.code, answer.out) == (2, "")
    warning, rest = answer.err.split("\n", 1)
    assert warning == "warning: plug-in noisy (retinue-noisy 1.0) is broken: KeyError: 7"
    assert rest.startswith(said)


def test_what_is_required_and_missing_is_told_with_the_command_that_installs_it(
    site: Site, command: Callable[..., Answer]
) -> None:
    site.write("registry.toml", 'schema = 1\n[plugins]\nrequired = ["retinue-wnet>=0.3"]')
    assert "(retinue-wnet>=0.3): retinue plugins sync" in command("describe", "model", "wnet/wnet").err


@pytest.mark.parametrize(
    ("kind", "name", "parameter", "shown"),
    [
        ("transform", "random-apply", "transforms", "list[transform]"),
        ("loss", "sum", "terms", "list[{loss: loss, weight: float}] of at least 1"),
        ("transform", "random-crop", "size", "int > 0 | [int > 0, int > 0]"),
        ("optimizer", "adam", "betas", "[float >= 0, < 1, float >= 0, < 1]"),
        ("model", "mlp", "hidden", "list[int >= 1]"),
        ("dataset", "image-folder", "root", "Path"),
    ],
)
def test_types_are_shown_as_a_spec_holds_them(
    command: Callable[..., Answer], kind: str, name: str, parameter: str, shown: str
) -> None:
    parameters = command("describe", kind, name, "--json").json["parameters"]
    assert {found["name"]: found["type"] for found in parameters}[parameter] == shown


def test_every_builtin_component_can_be_described(command: Callable[..., Answer]) -> None:
    for component in Registry().components(plugin="builtin"):
        answer = command("describe", component.kind, component.canonical, "--json")
        assert answer.code == 0, answer.err
        for parameter in answer.json["parameters"]:
            assert parameter["description"], (component.canonical, parameter)
            assert not re.search(r"Annotated|typing|retinue|torch|<class", parameter["type"]), parameter


@pytest.mark.parametrize(
    ("kind", "name", "example"),
    [
        ("model", "lenet", '[model]\nuse = "lenet"'),
        ("optimizer", "sgd", '[optimizer]\nuse = "sgd"\nlr = <float > 0>'),
        ("dataset", "image-folder", '[data.train]\nuse = "image-folder"\nroot = <Path>'),
        ("scheduler", "cosine", '[[scheduler]]\nuse = "cosine"'),
        ("transform", "rgb", 'transforms = [{ use = "rgb" }]'),
        ("metric", "accuracy", 'metrics.score = { use = "accuracy" }'),
        ("callback", "tensorboard", 'callbacks = [{ use = "tensorboard" }]'),
    ],
)
def test_an_example_can_be_pasted(kind: str, name: str, example: str, command: Callable[..., Answer]) -> None:
    answer = command("describe", kind, name)
    assert answer.out.endswith(f"\n\n{example}\n")
    assert "contract: called with " in answer.out
