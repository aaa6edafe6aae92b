"""Every component that the plug-ins offer, by kind and name."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace

from retinue.errors import AmbiguousComponent, Problem, SpecError, UnknownComponent
from retinue.hooks import KINDS
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.plugins.registration import collect_components
from retinue.plugins.registry_file import RegistryFile, find_registry_file
from retinue.plugins.selection import find_missing, select_plugins
from retinue.validation import closest, enumerate_words

BUILTIN = "builtin"


class Registry:
    """The components of all plug-ins that work.

    Attributes:
        plugins: every plug-in, also those that do not work, with the reason.
        file: the registry file that was applied.
    """

    def __init__(self, file: RegistryFile | None = None) -> None:
        """Import the entry module of each plug-in and collect what it registers.

        A plug-in that fails is kept in `plugins` as broken, and nothing of it is registered.

        Raises:
            SpecError: the registry file has mistakes.
        """
        self.file = file or RegistryFile(find_registry_file())
        self._components: dict[str, dict[str, Component]] = {kind: {} for kind in KINDS}
        self.plugins = [self._admit(plugin) for plugin in select_plugins(self.file)]
        _check_registry_names(self)

    def components(self, kind: str | None = None, plugin: str | None = None) -> Iterator[Component]:
        """Return what is registered, families as one, by kind and canonical name."""
        for name in [kind] if kind else KINDS:
            found = self._components[name].values()
            yield from sorted((c for c in found if plugin in (None, c.plugin.id)), key=lambda c: c.canonical)

    def resolve(self, kind: str, name: str) -> Component:
        """Return the component that a canonical name, a bare name or an alias means.

        Raises:
            UnknownComponent: there is none; says what was probably meant, or which plug-in failed.
            AmbiguousComponent: several plug-ins have it; says how to choose.
        """
        name = self.file.table.alias.get(kind, {}).get(name, name)
        if "/" not in name:
            name = self.file.table.resolve.get(kind, {}).get(name, name)
        found = self._named(kind, name) if "/" in name else self._bare(kind, name)
        if found is None:
            raise self._unknown(kind, name)
        return found

    def knows(self, name: str) -> bool:
        """Say whether a name is one of any kind's."""
        return any(
            self._named(kind, name) or self._bearers(kind, name) or name in self._aliases(kind) for kind in KINDS
        )

    def _aliases(self, kind: str) -> dict[str, str]:
        table = self.file.table
        return {**table.resolve.get(kind, {}), **table.alias.get(kind, {})}

    def _named(self, kind: str, name: str) -> Component | None:
        found = self._components[kind].get(name)
        if found is not None or "/" not in name:
            return found
        plugin, member = name.split("/", 1)
        family = self._components[kind].get(f"{plugin}/*")
        return replace(family, name=member) if family else None

    def _bearers(self, kind: str, name: str) -> list[Component]:
        return [component for component in self.components(kind) if component.name == name and not component.is_family]

    def _bare(self, kind: str, name: str) -> Component | None:
        bearers = self._bearers(kind, name)
        builtin = [component for component in bearers if component.plugin.id == BUILTIN]
        if len(bearers) > 1 and not builtin:
            names = [component.canonical for component in bearers]
            raise AmbiguousComponent(
                f'{kind} "{name}" is offered by {len(bearers)} plug-ins: {", ".join(names)}',
                note=f'write one of them in full, or pin it in registry.toml: [resolve.{kind}] {name} = "{names[0]}"',
            )
        return next(iter(builtin or bearers), None)

    def _unknown(self, kind: str, name: str) -> UnknownComponent:
        failed = next((p for p in self.plugins if p.id == name.split("/")[0] and p.status != "ok"), None)
        if failed is not None:
            return UnknownComponent(
                f'{kind} "{name}" is not to be had: plug-in {failed.id} is {failed.status}', note=failed.error
            )
        candidates = self.names(kind)
        meant = closest(name, candidates)
        if meant is not None:
            component = self.resolve(kind, meant)
            return UnknownComponent(f'no {kind} named "{name}"', meant, f"({component.canonical}, {component.plugin})")
        others = [other for other in KINDS if other != kind and name in self.names(other)]
        if others:
            return UnknownComponent(f'no {kind} named "{name}"', note=f'"{name}" is a {others[0]}')
        missing = find_missing(self.file)
        if missing:
            quoted = " ".join(f'"{line}"' for line in missing)
            note = f"{self.file.path} requires what is not installed: pip install {quoted}"
            return UnknownComponent(f'no {kind} named "{name}"', note=note)
        known = enumerate_words(candidates)
        return UnknownComponent(f'no {kind} named "{name}"', note=f"known: {known}" if known else "none is installed")

    def names(self, kind: str) -> list[str]:
        """Return every name that resolves to one component of a kind: bare ones, aliases, canonical ones."""
        components = [component for component in self.components(kind) if not component.is_family]
        bare = sorted({component.name for component in components} | set(self._aliases(kind)))
        return bare + [component.canonical for component in components]

    def _admit(self, plugin: Plugin) -> Plugin:
        if plugin.status != "ok":
            return plugin
        try:
            for component in collect_components(plugin):
                self._components[component.kind][component.canonical] = component
        # A plug-in may fail in any way, sys.exit among them: none takes a command down.
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return replace(plugin, status="broken", error=reason, details=traceback.format_exc())
        return plugin


def _check_registry_names(registry: Registry) -> None:
    """Refuse a registry file that names plug-ins or components which are not there."""
    file = registry.file
    ids = {plugin.id for plugin in registry.plugins} | {p.distribution for p in registry.plugins if p.distribution}
    problems = [
        Problem(f'no plug-in "{name}" is installed', file.locate("plugins", "disabled", number), closest(name, ids))
        for number, name in enumerate(file.table.plugins.disabled)
        if name not in ids
    ]
    for section, kinds in (("resolve", file.table.resolve), ("alias", file.table.alias)):
        for kind, names in kinds.items():
            for bare, canonical in names.items():
                if canonical.split("/")[0] not in ids:
                    position = file.locate(section, kind, bare)
                    plugin = canonical.split("/")[0]
                    problems.append(Problem(f'no plug-in "{plugin}" is installed', position, closest(plugin, ids)))
    if problems:
        raise SpecError(problems)
