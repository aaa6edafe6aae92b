"""What an author sees of the kit itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.testing import Case, check_plugin

TINY = '''
from torch import Tensor, nn
from retinue.hooks import hookimpl

class Tiny(nn.Module):
    """A mean and a linear layer.

    Args:
        num_classes: values in the output.
        in_channels: of the pictures.
        width: of nothing.
    """

    def __init__(self, width: int, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(image.mean(dim=(2, 3)))

@hookimpl
def retinue_models(register):
    register("tiny", Tiny, summary="a mean and a linear layer")
'''
FAMILY = TINY.replace('"tiny", Tiny,', '"*", create, lister=lambda: ["one", "two"],') + (
    "\ndef create(name: str, num_classes: int) -> nn.Module:\n    return Tiny(1, num_classes)\n"
)

FITTING = Case("model", "tiny", {"width": 1})


def test_component_that_needs_parameters_fails_by_name_until_there_is_a_case(check):
    failed, _ = check(TINY)
    assert 'Case("model", "tiny", {"width": ...})' in failed["model-tiny-parameters-round-trip"]
    assert check(TINY, Case("model", "tiny", {"width": 1}))[0] == {}


@pytest.mark.parametrize(
    ("source", "case", "rule", "says"),
    [
        (TINY, Case("model", "tiny"), "parameters-round-trip", 'needs "width"'),
        (TINY.replace("super()", "raise ValueError('no room') #"), FITTING, "forward-and-backward", "no room"),
        (TINY.replace("self.head(", "self.hat("), FITTING, "forward-and-backward", "no attribute 'hat'"),
    ],
    ids=["parameters", "cannot be built", "raises"],
)
def test_one_thing_that_is_wrong_is_told_once(source: str, case: Case, rule: str, says: str, check):
    failed, skipped = check(source, case)
    assert list(failed) == [f"model-tiny-{rule}"]
    assert says in failed[f"model-tiny-{rule}"]
    assert any(reason.endswith(f": it fails as {rule} does") for reason in skipped.values())


def test_family_fails_until_a_member_has_a_case(check):
    failed, _ = check(FAMILY)
    assert failed == {"model-family": 'no member of the family is tested: add Case("model", "one"), or another'}
    failed, _ = check(FAMILY, Case("model", "two"))
    assert list(failed) == ["model-two-is-documented"]


def test_several_cases_of_a_component_are_counted(check):
    wrong = Case("model", "tiny", {"width": 1}, classes=2, task="segmentation")
    failed, _ = check(TINY, Case("model", "tiny", {"width": 1}), wrong)
    assert "model-tiny-2-forward-and-backward" in failed
    assert not any(name.startswith("model-tiny-1") for name in failed)


def test_exemption_is_a_skip_with_its_reason(check):
    wrong = Case("model", "tiny", {"width": 1}, task="segmentation", exempt={"forward-and-backward": "I know"})
    failed, skipped = check(TINY, wrong)
    assert skipped["model-tiny-forward-and-backward"] == "forward-and-backward: I know"
    assert "model-tiny-half-precision" in failed


LAZY = """
from torch import nn
from retinue.hooks import hookimpl

class Lazy(nn.Module):
    \"""A linear layer.

    Args:
        num_classes: values in the output.
    \"""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.LazyLinear(num_classes)

    def forward(self, image):
        return self.head(image.flatten(1))

@hookimpl
def retinue_models(register):
    register("lazy", Lazy, summary="a linear layer of any width")
"""


def test_model_with_lazy_layers_passes(check):
    assert check(LAZY, Case("model", "lazy"))[0] == {}


def test_mistakes_in_cases_are_said(check):
    cases = [
        Case("model", "tinny"),
        Case("modell", "tiny"),
        Case("model", "tiny", {"width": 1}, exempt={"half-precison": "?"}),
    ]
    failed, _ = check(TINY, *cases)
    assert failed == {
        "model-tinny": 'plug-in local registers no model "tinny": did you mean "tiny"?',
        "modell-tiny": 'there is no kind "modell": model, dataset, transform, loss, metric, scheduler, optimizer, '
        "task, callback",
        "model-tiny-half-precison": 'the case exempts from "half-precison", which is no rule of a model: did you mean '
        '"half-precision"?',
    }


def test_plugin_that_is_not_there_or_broken_is_one_failing_test(check, run_tests):
    failed, _ = run_tests(check_plugin("nowhere"))
    assert list(failed) == ["plugin"]
    assert 'there is no plug-in "nowhere"' in failed["plugin"]
    failed, _ = check("import sys\nsys.exit(3)\n")
    assert failed == {"plugin": "plug-in local is broken: SystemExit: 3"}


def test_one_pytest_test_for_each_component_and_rule(tmp_path: Path):
    (tmp_path / "vision.py").write_text(TINY)
    (tmp_path / "registry.toml").write_text('schema = 1\n[local]\nvision = { path = "vision.py" }\n')
    (tmp_path / "test_vision.py").write_text(
        "from retinue.testing import Case, check_plugin\n"
        'test_plugin = check_plugin("vision", [Case("model", "tiny", {"width": 1}, classes=1, task="regression",'
        " sizes=((8, 8), (9, 9)))])\n"
    )
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "."]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "test_vision.py::test_plugin[model-tiny-takes-its-sizes] PASSED" in done.stdout


def test_heavy_entry_module_is_caught(tmp_path: Path, monkeypatch, run_tests):
    package = tmp_path / "retinue_heavy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text("import retinue.api\n")
    info = tmp_path / "retinue_heavy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: retinue-heavy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[retinue]\nheavy = retinue_heavy.plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    failed, _ = run_tests(check_plugin("heavy"))
    assert "retinue_heavy.plugin imports retinue.api and torch" in failed["entry-module-is-light"]
