"""Importing a plug-in's entry module and taking down what it registers, all of it or nothing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from retinue import hooks
from retinue.errors import PluginError
from retinue.hooks import KINDS, PROJECT
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.validation import closest


def collect_components(plugin: Plugin) -> list[Component]:
    """Import an entry module and return everything that its hooks register.

    Raises:
        PluginError: a hook or a registration does not keep the contract.
        BaseException: whatever the entry module raises.
    """
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
        *,
        summary: str,
        params: str | type | None = None,
        requires: Sequence[str] = (),
        deprecated: str | None = None,
        lister: str | Callable[[], Sequence[str]] | None = None,
    ) -> None:
        if any(known.kind == self.kind and known.name == name for known in self.collected):
            raise PluginError(f'{self.kind} "{name}" is registered twice')
        if "/" in name or not name or (name == "*") != (lister is not None):
            raise PluginError(f'"{name}" is no component name: a word without "/", or "*" with a lister for a family')
        if isinstance(target, str) and ":" not in target:
            raise PluginError(f'{self.kind} "{name}": target "{target}" is not of the form "package.module:attribute"')
        self.collected.append(
            Component(self.kind, name, self.plugin, target, summary, params, tuple(requires), deprecated, lister)
        )


def _refuse_unknown_hooks(module: ModuleType, manager: pluggy.PluginManager) -> None:
    known = {kind.hook for kind in KINDS.values()}
    for name in dir(module):
        if manager.parse_hookimpl_opts(module, name) is not None and name not in known:
            meant = closest(name, known)
            raise PluginError(f"{name} is no hook of retinue" + (f": did you mean {meant}?" if meant else ""))


def _import_file(plugin: Plugin) -> ModuleType:
    name = f"retinue_local_{plugin.id.replace('-', '_')}"
    path = Path(plugin.module)
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Pickled classes of the file are looked up by this name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
