"""Which of the plug-ins found take part: the registry file's choice, judged from metadata alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from retinue.hooks import PROJECT
from retinue.plugins.components import is_installed
from retinue.plugins.discovery import Plugin, find_plugins
from retinue.plugins.registry_file import RegistryFile


def select_plugins(file: RegistryFile) -> list[Plugin]:
    """Return installed and local plug-ins with their status."""
    installed = find_plugins()
    disabled = [plugin for plugin in installed if _is_disabled(plugin, file)]
    local = [Plugin(id, str(path)) for id, path in file.local_files().items()]
    taking_part = _mark_conflicts([plugin for plugin in installed if plugin not in disabled] + local)
    left_out = [replace(p, status="disabled", error=f"named under `disabled` in {file.path}") for p in disabled]
    return [_apply_choice(plugin, file) for plugin in taking_part] + left_out


def find_missing(file: RegistryFile) -> list[str]:
    """Return the requirements of the registry file that are not met."""
    return [line for line in file.table.plugins.required if not is_installed(line)]


def _mark_conflicts(plugins: list[Plugin]) -> list[Plugin]:
    """Mark plug-ins of equal id: neither may win in silence."""
    by_id: dict[str, list[Plugin]] = defaultdict(list)
    for plugin in plugins:
        by_id[plugin.id].append(plugin)
    return [
        plugin if len(group) == 1 else replace(plugin, status="conflict", error=_name_rivals(group))
        for group in by_id.values()
        for plugin in group
    ]


def _name_rivals(group: list[Plugin]) -> str:
    rivals = " and ".join(str(plugin) for plugin in group)
    return f"{rivals} both call their plug-in {group[0].id}: uninstall one, or name one distribution under `disabled`"


def _is_disabled(plugin: Plugin, file: RegistryFile) -> bool:
    return plugin.id in file.table.plugins.disabled or plugin.distribution in file.table.plugins.disabled


def _apply_choice(plugin: Plugin, file: RegistryFile) -> Plugin:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    if plugin.status != "ok" or plugin.distribution in (None, PROJECT):
        return plugin
    table = file.table.plugins
    required = {canonicalize_name(Requirement(line).name): Requirement(line) for line in table.required}
    requirement = required.get(canonicalize_name(str(plugin.distribution)))
    if requirement is None:
        reason = f"not under `required` in {file.path}, whose mode is allowlist"
        return replace(plugin, status="disabled", error=reason) if table.mode == "allowlist" else plugin
    if not requirement.specifier.contains(str(plugin.version), prereleases=True):
        return replace(plugin, status="incompatible", error=f"{file.path} requires {requirement}")
    return plugin
