"""Which of the plug-ins found take part: the registry file's choice, judged from metadata alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from retinue.errors import Problem, SpecError
from retinue.hooks import PROJECT
from retinue.plugins.components import is_installed
from retinue.plugins.discovery import Plugin, find_plugins
from retinue.plugins.registry_file import RegistryFile
from retinue.validation import closest


def select_plugins(file: RegistryFile) -> list[Plugin]:
    """Return installed and local plug-ins with their status.

    Raises:
        SpecError: the registry file names plug-ins that are not there.
    """
    plugins = judge_plugins(file)
    problems = list(find_unknown_names(plugins, file))
    if problems:
        raise SpecError(problems)
    return plugins


def judge_plugins(file: RegistryFile) -> list[Plugin]:
    """Return installed and local plug-ins with their status, whatever else the registry file names."""
    local = [Plugin(id, str(path)) for id, path in file.local_files().items()]
    return _mark_conflicts([_apply_choice(plugin, file) for plugin in [*find_plugins(), *local]])


def find_missing(file: RegistryFile) -> list[str]:
    """Return the requirements of the registry file that are not met."""
    return [line for line in file.table.plugins.required if not is_installed(line)]


def explain_missing(file: RegistryFile) -> str | None:
    """Return what to install so that every requirement of the registry file is met."""
    missing = " ".join(f'"{line}"' for line in find_missing(file))
    return f"{file.path} requires what is not installed: pip install {missing}" if missing else None


def _apply_choice(plugin: Plugin, file: RegistryFile) -> Plugin:
    table = file.table.plugins
    if plugin.id in table.disabled or plugin.distribution in [canonicalize_name(name) for name in table.disabled]:
        return replace(plugin, status="disabled", error=f"named under `disabled` in {file.path}")
    if plugin.status != "ok" or plugin.distribution in (None, PROJECT):
        return plugin
    required = {canonicalize_name(Requirement(line).name): Requirement(line) for line in table.required}
    requirement = required.get(canonicalize_name(str(plugin.distribution)))
    if requirement is None:
        reason = f"not under `required` in {file.path}, whose mode is allowlist"
        return replace(plugin, status="disabled", error=reason) if table.mode == "allowlist" else plugin
    if not requirement.specifier.contains(str(plugin.version), prereleases=True):
        return replace(plugin, status="incompatible", error=f"{file.path} requires {requirement}")
    return plugin


def find_unknown_names(plugins: list[Plugin], file: RegistryFile) -> Iterator[Problem]:
    """Find what the registry file disables, pins or aliases of plug-ins that are not there."""
    ids = {plugin.distribution or plugin.id: plugin.id for plugin in plugins} | {p.id: p.id for p in plugins}
    for number, name in enumerate(file.table.plugins.disabled):
        if name not in ids and canonicalize_name(name) not in ids:
            place = file.locate("plugins", "disabled", number)
            yield Problem(f'no plug-in "{name}" is installed', place, closest(name, ids))
    for path, canonical in file.pointers():
        plugin = canonical.split("/")[0]
        if plugin not in ids.values():
            meant = closest(plugin, ids)
            message, suggestion = f'no plug-in "{plugin}" is installed', ids[meant] if meant else None
            yield Problem(message, file.locate(*path), suggestion, explain_missing(file))


def _mark_conflicts(plugins: list[Plugin]) -> list[Plugin]:
    """Mark plug-ins of equal id that would all take part: none may win in silence."""
    rivals: dict[str, list[Plugin]] = defaultdict(list)
    for plugin in plugins:
        if plugin.status == "ok":
            rivals[plugin.id].append(plugin)
    return [_judge(plugin, rivals[plugin.id]) if plugin.status == "ok" else plugin for plugin in plugins]


def _judge(plugin: Plugin, rivals: list[Plugin]) -> Plugin:
    # No installation takes the core's own parts away.
    if len(rivals) == 1 or plugin.distribution == PROJECT:
        return plugin
    names = " and ".join(map(str, rivals))
    error = f"{names} both call their plug-in {plugin.id}: uninstall one, or name one distribution under `disabled`"
    return replace(plugin, status="conflict", error=error)
