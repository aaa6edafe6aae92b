"""Importing a plug-in's entry module and taking down what it registers, all of it or nothing."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from packaging.requirements import InvalidRequirement, Requirement

from retinue import hooks
from retinue.errors import PluginError
from retinue.hooks import KINDS, PROJECT
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.plugins.names import KEBAB_CASE, is_kebab_case
from retinue.validation import closest

LOCAL = "retinue_local_"
"""Begins the name of a local plug-in's module."""


def admit_plugin(plugin: Plugin) -> tuple[Plugin, list[Component]]:
    """Import an entry module and return the plug-in as it turned out, with its components: none of a broken one."""
    had_torch = "torch" in sys.modules
    components: list[Component] = []
    try:
        components = collect_components(plugin)
    # A plug-in may fail in any way, sys.exit among them: none takes a command down.
    except (Exception, SystemExit) as error:
        plugin = replace(plugin, status="broken", error=_reason(error), details=traceback.format_exc())
    return replace(plugin, imports_torch=not had_torch and "torch" in sys.modules), components


def _reason(error: BaseException) -> str:
    """Return an exception in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def collect_components(plugin: Plugin) -> list[Component]:
    """Import an entry module and return everything that its hooks register.

    Raises:
        PluginError: a hook or a registration does not keep the contract.
        BaseException: whatever the entry module raises.
    """
    if not is_kebab_case(plugin.id):
        raise PluginError(f'"{plugin.id}" is no plug-in id: {KEBAB_CASE}')
    module = _import_file(plugin) if plugin.distribution is None else importlib.import_module(plugin.module)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(module, name=plugin.id)
    _refuse_unknown_hooks(module, manager)
    collected: list[Component] = []
    for kind in KINDS.values():
        for implementation in getattr(manager.hook, kind.hook).get_hookimpls():
            registrar = _Registrar(kind.name, plugin, collected)
            implementation.function(*([registrar] if "register" in implementation.argnames else []))
    return collected


class _Registrar:
    """The `register` that a hook receives."""

    def __init__(self, kind: str, plugin: Plugin, collected: list[Component]) -> None:
        self.kind, self.plugin, self.collected = kind, plugin, collected

    def __call__(
        self,
        name: str,
        target: str | Callable[..., Any],
        *misplaced: object,
        summary: str = "",
        params: str | type | None = None,
        requires: Sequence[str] = (),
        deprecated: str | None = None,
        lister: str | Callable[[], Sequence[str]] | None = None,
    ) -> None:
        label = f'{self.kind} "{name}"'
        if misplaced:
            raise PluginError(f'{label}: what follows the target is given by name: summary="{misplaced[0]}"')
        if any(known.kind == self.kind and known.name == name for known in self.collected):
            raise PluginError(f"{label} is registered twice")
        if not (is_kebab_case(name) if lister is None else name == "*"):
            raise PluginError(f'{label} is no component name: {KEBAB_CASE}, or "*" with a lister for a family')
        if not summary or "\n" in summary:
            raise PluginError(f"{label}: the summary is one line of text")
        _check_reference(label, "target", target)
        _check_reference(label, "params", params)
        _check_reference(label, "lister", lister)
        _check_requirements(label, requires)
        self.collected.append(
            Component(self.kind, name, self.plugin, target, summary, params, tuple(requires), deprecated, lister)
        )


def _check_reference(label: str, role: str, value: object) -> None:
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+:\w+", value):
        raise PluginError(f'{label}: {role} "{value}" is not of the form "package.module:attribute"')
    if not (isinstance(value, str) or callable(value) or (value is None and role != "target")):
        raise PluginError(f"{label}: {role} {value!r} is neither an import string nor a class or function")


def _check_requirements(label: str, requires: Sequence[str]) -> None:
    if isinstance(requires, str):
        raise PluginError(f'{label}: requires is a list: ["{requires}"]')
    for line in requires:
        try:
            Requirement(line)
        except InvalidRequirement as error:
            raise PluginError(f'{label}: "{line}" is no requirement, such as "imageio>=2"') from error


def _refuse_unknown_hooks(module: ModuleType, manager: pluggy.PluginManager) -> None:
    known = {kind.hook for kind in KINDS.values()}
    for name in dir(module):
        marks = manager.parse_hookimpl_opts(module, name)
        if marks is None and name in known:
            raise PluginError(f"{name} is not marked: write @hookimpl above it")
        hook = name if marks is None else marks.get("specname") or name
        if marks is not None and hook not in known:
            meant = closest(hook, known)
            raise PluginError(f"{hook} is no hook of retinue" + (f": did you mean {meant}?" if meant else ""))


def list_local_files() -> dict[str, str]:
    """Return the files of the local plug-ins that this process has imported, by the name of their module."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return {name: file for name, file in files.items() if file is not None and name.startswith(LOCAL)}


def import_local_files(files: Mapping[str, str]) -> None:
    """Import local plug-ins where another process has them: their classes can be unpickled then."""
    for name, file in files.items():
        if name not in sys.modules:
            _import_module(name, Path(file))


def _import_file(plugin: Plugin) -> ModuleType:
    path = Path(plugin.module)
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    name = f"{LOCAL}{plugin.id.replace('-', '_')}"
    status = path.stat()
    version = (path.resolve(), status.st_mtime_ns, status.st_size)
    known = sys.modules.get(name)
    # Anew, its classes would no longer be those of objects that are there, which could not be pickled then.
    if known is None or getattr(known, "__version_of_file__", None) != version:
        known = _import_module(name, path)
        known.__dict__["__version_of_file__"] = version
    return known


def _import_module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Pickled classes of the file are looked up by this name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
