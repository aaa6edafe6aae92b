"""Who imports whom, what lies where, and what the repository must not hold."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.plugins.selection import find_missing

ROOT = Path(__file__).parents[2]
ENTRY_MODULES = [*ROOT.glob("core/src/retinue/builtin/**/plugin.py"), *ROOT.glob("plugins/*/src/*/plugin.py")]

TOP = {
    *(".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"),
    *("core", "docs", "plugins", "pyproject.toml", "registry.toml", "tests"),
}
# In two pieces, so that this file does not name them.
REGISTRY_HOSTS = ["py" + "pi.org", "python" + "hosted.org", "ana" + "conda.org", "download.py" + "torch.org/whl"]

IMPORT_EACH = """
import importlib, json, pkgutil, sys

HEAVY = {"torch", "torchvision", "retinue.api"}
guilty = {}

def visit(name):
    before = set(sys.modules)
    module = importlib.import_module(name)
    added = HEAVY & (set(sys.modules) - before)
    if added:
        guilty[name] = sorted(added)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        visit(f"{name}.{found.name}")

for package in sys.argv[1:]:
    visit(package)
print(json.dumps(guilty))
"""


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip(f"no git checkout: {listed.stderr.strip()}")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def module_name(file: Path) -> str:
    return ".".join(file.with_suffix("").parts[file.parts.index("src") + 1 :])


def test_import_rules_hold():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ENTRY_MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_entry_module_imports_hooks_and_its_own_package(file):
    found = {
        name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    own = module_name(file).removesuffix("plugin")
    assert {name for name in found - {"__future__"} if not name.startswith(own)} == {"retinue.hooks"}


def test_config_side_does_without_torch():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    modules = next(found["source_modules"] for found in contracts if "torch" in found.get("forbidden_modules", ()))
    command = [sys.executable, "-c", IMPORT_EACH, *modules, "retinue.cli"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_every_entry_module_is_under_the_rule():
    rule = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [name for name in map(module_name, ENTRY_MODULES) if f'"{name}"' not in rule] == []


def test_top_level_is_tidy():
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} <= TOP


def test_no_file_names_a_package_registry():
    named = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in tracked_files()
        if path.is_file()
        for host in REGISTRY_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert named == []


def test_registry_file_is_true():
    file = RegistryFile(ROOT / "registry.toml")
    registry = Registry(file)
    assert find_missing(file) == []
    for kinds in (file.table.resolve, file.table.alias):
        for kind, names in kinds.items():
            for name, canonical in names.items():
                assert registry.resolve(kind, name).canonical == canonical
