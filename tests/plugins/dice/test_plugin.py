"""The table of contents: light, and true to what stands behind it."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retinue_dice import plugin

README = Path(__file__).parents[3] / "plugins/dice/README.md"


def registered(hook: Callable[..., None]) -> dict[str, str]:
    targets: dict[str, str] = {}

    def register(name: str, target: str, *, summary: str) -> None:
        assert name not in targets
        assert summary
        targets[name] = target

    hook(register)
    return targets


LOSSES = registered(plugin.retinue_losses)
METRICS = registered(plugin.retinue_metrics)


def load(target: str) -> Any:
    module, attribute = target.split(":")
    return getattr(importlib.import_module(module), attribute)


def test_entry_module_imports_no_torch() -> None:
    code = "import sys, retinue_dice.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("target", [*LOSSES.values(), *METRICS.values()])
def test_every_parameter_is_typed_and_documented(target: str) -> None:
    parameters = inspect.signature(load(target), eval_str=True).parameters.values()
    documented = re.findall(r"^ {4}(\w+): ", inspect.getdoc(load(target)) or "", re.MULTILINE)
    assert [parameter.name for parameter in parameters] == [name for name in documented if name != "SpecError"]
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


def test_readme_lists_every_loss_and_gives_the_right_defaults() -> None:
    losses, parameters = README.read_text(encoding="utf-8").split("| parameter |")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", losses, re.MULTILINE)) == set(LOSSES)
    told = set()
    for names, of, default in re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|", parameters, re.MULTILINE):
        values = [None] * 2 if default == "none" else tomllib.loads(f"values = [{default.replace('`', '')}]")["values"]
        for name, value in zip(re.findall(r"`(\w+)`", names), values, strict=False):
            for loss in LOSSES if of == "all" else re.findall(r"`([a-z-]+)`", of):
                assert inspect.signature(load(LOSSES[loss])).parameters[name].default == value
                told.add((loss, name))
    from_data = {"num_classes", "ignore_index"}
    taken = {(loss, name) for loss, target in LOSSES.items() for name in inspect.signature(load(target)).parameters}
    assert told == {(loss, name) for loss, name in taken if name not in from_data}


def test_readme_specs_name_what_there_is() -> None:
    def tables(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            yield from ([value] if "use" in value else [])
            for inner in value.values():
                yield from tables(inner)

    blocks = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    specs = [tomllib.loads(block) for block in blocks]
    named = 0
    for known, section in ((LOSSES, "loss"), (METRICS, "metrics")):
        for table in (table for spec in specs for table in tables(spec.get(section))):
            if table["use"] in known:
                named += 1
                inspect.signature(load(known[table.pop("use")])).bind_partial(**table)
    assert named == 4
