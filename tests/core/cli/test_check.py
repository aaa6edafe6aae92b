"""retinue check"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site

SPEC = """\
spec = 1
task = "classification"
[data.train]
use = "fake"
[model]
use = "{model}"
[optimizer]
use = "sgd"
lr = 0.1
[loss]
use = "sum"
terms = [{{ loss = "{loss}" }}]
[train]
epochs = 1
"""

MODEL_LINE, LOSS_LINE = 6, 12


@pytest.fixture
def check(site: Site, command: Callable[..., Answer]) -> Callable[..., Answer]:
    """Check a spec with these components."""

    def run(*arguments: str, model: str = "lenet", loss: str = "cross-entropy") -> Answer:
        site.write("spec.toml", SPEC.format(model=model, loss=loss))
        return command("check", "spec.toml", *arguments)

    return run


def error(answer: Answer) -> dict[str, Any]:
    assert answer.code == 2
    assert answer.json["ok"] is False
    [found] = answer.json["errors"]
    return found  # type: ignore[no-any-return]


def test_json_of_a_spec_without_mistakes(check: Callable[..., Answer]) -> None:
    answer = check("--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["ok"] is True
    assert answer.json["errors"] == []
    values = {value["key"]: value for value in answer.json["values"]}
    assert values["optimizer.lr"] == {"key": "optimizer.lr", "value": 0.1, "origin": "spec.toml"}
    assert values["optimizer.momentum"]["origin"] == "default"


def test_json_of_a_mistake_has_its_place_and_a_suggestion(check: Callable[..., Answer]) -> None:
    found = error(check("--json", model="lenett"))
    assert (found["file"], found["line"], found["column"]) == ("spec.toml", MODEL_LINE, 7)
    assert (found["message"], found["suggestion"]) == ('no model named "lenett"', "lenet")


def test_json_tells_mistakes_in_registry_toml_with_their_own_file(site: Site, check: Callable[..., Answer]) -> None:
    path = site.write("registry.toml", "schema = 1\nplugin = 3\n")
    found = error(check("--json"))
    assert (found["file"], found["line"], found["column"]) == (str(path), 2, 1)
    assert (found["message"], found["suggestion"]) == ('unknown key "plugin"', "plugins")


def test_spec_that_needs_a_broken_plugin_shows_the_real_cause(site: Site, check: Callable[..., Answer]) -> None:
    site.install("noisy", "import nowhere_to_be_found")
    cause = "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    warning = f"warning: plug-in noisy (retinue-noisy 1.0) is broken: {cause}\n"
    assert check().code == 0
    answer = check("--json", model="noisy/net")
    assert answer.err == warning
    found = error(answer)
    assert found["line"] == MODEL_LINE
    assert found["message"] == 'model "noisy/net" is not to be had: plug-in noisy is broken'
    assert found["note"] == cause


def test_nested_name_of_a_broken_plugin_shows_the_real_cause(site: Site, check: Callable[..., Answer]) -> None:
    site.install("noisy", "raise KeyError(7)")
    site.write("spec.toml", SPEC.format(model="lenet", loss="").replace('"" }', '{ use = "noisy/dice" } }'))
    for answer in (check("--json", loss="noisy/dice"), check("--json", "loss.terms=[{loss={use='noisy/dice'}}]")):
        assert "KeyError: 7" in error(answer)["note"]


def test_ambiguous_name_points_at_the_spec_and_says_how_to_pin(site: Site, check: Callable[..., Answer]) -> None:
    for id in ("acme", "zeta"):
        site.offer(id, "register('net', 'm:Net', summary='s')")
    found = error(check("--json", model="net"))
    assert (found["line"], found["column"]) == (MODEL_LINE, 7)
    assert found["message"] == 'model "net" is offered by 2 plug-ins: acme/net, zeta/net'
    assert '[resolve.model] net = "acme/net"' in found["note"]


def test_component_whose_requirement_is_missing_is_an_error_with_a_place(
    site: Site, check: Callable[..., Answer]
) -> None:
    site.offer("acme", "register('net', 'm:Net', summary='s', requires=['nowhere>=2'])")
    found = error(check("--json", model="net"))
    assert (found["line"], found["column"]) == (MODEL_LINE, 7)
    assert found["message"].endswith('needs nowhere>=2: pip install "nowhere>=2"')


def test_name_that_a_family_does_not_list_is_an_error_with_a_place(check: Callable[..., Answer]) -> None:
    found = error(check("--json", model="torchvision/resnet81"))
    assert (found["line"], found["column"]) == (MODEL_LINE, 7)
    assert found["message"] == 'no model named "torchvision/resnet81"'
    assert found["suggestion"].startswith("torchvision/resnet1")


DEPRECATED = """\
from retinue.hooks import hookimpl

@hookimpl
def retinue_models(register):
    register("old-net", "retinue_acme.parts:net", summary="s", deprecated="lenet")

@hookimpl
def retinue_losses(register):
    register("old-loss", "retinue_acme.parts:loss", summary="s", deprecated="cross-entropy")
"""

PARTS = """\
from torch import nn

def net(num_classes: int):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))

def loss():
    return nn.CrossEntropyLoss()
"""


def test_deprecated_components_are_warned_about_where_the_spec_names_them(
    site: Site, check: Callable[..., Answer]
) -> None:
    site.install("acme", DEPRECATED, parts=PARTS)
    assert check().err == ""
    answer = check("--json", model="old-net", loss="old-loss")
    assert answer.json["ok"] is True
    assert answer.err.splitlines() == [
        f"warning: spec.toml:{MODEL_LINE}:7: model acme/old-net is deprecated: use lenet",
        f"warning: spec.toml:{LOSS_LINE}:19: loss acme/old-loss is deprecated: use cross-entropy",
    ]


def test_absent_data_leads_to_fake_samples_and_they_are_told(check: Callable[..., Answer]) -> None:
    absent = "data.train={use='image-folder',root='absent'}"
    answer = check(absent)
    assert answer.code == 2
    assert "absent" in answer.err
    assert "`retinue check --fake` checks the rest" in answer.err
    assert "--fake" in error(check("--json", absent))["note"]
    answer = check(absent, "--fake")
    assert (answer.code, answer.err) == (0, "")
    assert "10 (assumed)" in answer.out
    assert answer.out.splitlines()[-1] == (
        "spec.toml: no mistakes, with data.train made up: files, classes, labels, sizes and the number of samples are "
        "unchecked"
    )
    assert check(absent, "--fake", "--json").json["run"]["data.train"].startswith("made up because ")
    assert check("--fake").out.splitlines()[-1] == "spec.toml: no mistakes"
