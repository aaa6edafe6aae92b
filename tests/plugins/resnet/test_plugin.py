"""The table of contents: light, and true to what stands behind it."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from retinue_resnet import plugin

README = Path(__file__).parents[3] / "plugins/resnet/README.md"


def registered() -> dict[str, str]:
    targets: dict[str, str] = {}

    def register(name: str, target: str, *, summary: str) -> None:
        assert name not in targets
        assert summary
        targets[name] = target

    plugin.retinue_models(register)
    return targets


TARGETS = registered()


def test_entry_module_imports_no_torch() -> None:
    code = "import sys, retinue_resnet.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", TARGETS)
def test_name_leads_to_the_model_of_that_name(name: str) -> None:
    module, attribute = TARGETS[name].split(":")
    build = getattr(importlib.import_module(module), attribute)
    assert build.__name__ == attribute == name.replace("-", "_")


@pytest.mark.parametrize("name", TARGETS)
def test_every_parameter_is_typed_and_documented(name: str) -> None:
    module, attribute = TARGETS[name].split(":")
    build = getattr(importlib.import_module(module), attribute)
    parameters = inspect.signature(build, eval_str=True).parameters.values()
    documented = re.findall(r"^ {4}(\w+): ", inspect.getdoc(build) or "", re.MULTILINE)
    assert [parameter.name for parameter in parameters] == documented
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


def test_readme_lists_every_model_and_names_no_other() -> None:
    text = README.read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE) == list(TARGETS)
    specs = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert len(specs) == 2
    for spec in specs:
        parameters = dict(spec["model"])
        module, attribute = TARGETS[parameters.pop("use")].split(":")
        inspect.signature(getattr(importlib.import_module(module), attribute)).bind(**parameters)


def test_readme_gives_the_right_parameter_counts() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([\d,]+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(TARGETS)
    for name, count in rows:
        module, attribute = TARGETS[name].split(":")
        with torch.device("meta"):
            model = getattr(importlib.import_module(module), attribute)()
        assert sum(parameter.numel() for parameter in model.parameters()) == int(count.replace(",", "")), name
