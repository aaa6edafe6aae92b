"""Every component that the plug-ins offer, by kind and name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from retinue.errors import AmbiguousComponent, Problem, SpecError, UnknownComponent
from retinue.hooks import KINDS
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.plugins.first_party import find_distribution
from retinue.plugins.registration import admit_plugin
from retinue.plugins.registry_file import RegistryFile, find_registry_file
from retinue.plugins.selection import find_missing, select_plugins
from retinue.validation import closest, enumerate_words

BUILTIN = "builtin"

FAILED = ("broken", "conflict", "incompatible")
"""What is wrong with a plug-in that somebody wants and does not get."""


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
        self._bearers: dict[tuple[str, str], list[Component]] = defaultdict(list)
        self.plugins = [self._admit(plugin) for plugin in select_plugins(self.file)]
        problems = list(_find_unknown_components(self))
        if problems:
            raise SpecError(problems)

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
        offers = self._offers(kind, name)
        if len(offers) > 1:
            names = [component.canonical for component in offers]
            raise AmbiguousComponent(
                f'{kind} "{name}" is offered by {len(names)} plug-ins: {", ".join(names)}',
                note=f'write one of them in full, or pin it in registry.toml: [resolve.{kind}] {name} = "{names[0]}"',
            )
        if not offers:
            raise self._unknown(kind, self._expand(kind, name))
        return offers[0]

    def knows(self, name: str) -> bool:
        """Say whether a name is one of any kind's."""
        return any(self._offers(kind, name) for kind in KINDS)

    def names(self, kind: str) -> list[str]:
        """Return every name that resolves to one component of a kind: bare ones, aliases, canonical ones."""
        components = [component for component in self.components(kind) if not component.is_family]
        bare = sorted({component.name for component in components} | set(self._aliases(kind)))
        return bare + [component.canonical for component in components]

    def named(self, kind: str, canonical: str) -> Component | None:
        """Return the component of a canonical name; of a family, the member, whether or not it is listed."""
        found = self._components[kind].get(canonical)
        if found is not None:
            return found
        plugin, member = canonical.split("/", 1)
        family = self._components[kind].get(f"{plugin}/*")
        return replace(family, name=member) if family else None

    def find_meant(self, name: str, *kinds: str) -> str | None:
        """Return the closest name; of a plug-in that is not installed, that of one whose id is close too."""
        if not self._is_of_absent_plugin(name):
            return closest(name, [known for kind in kinds for known in self.names(kind)])
        plugin, member = name.split("/", 1)
        near = closest(plugin, {known.id for known in self.plugins if known.status == "ok"})
        if near is None:
            return None
        same = f"{near}/{member}"
        if any(self.named(kind, same) for kind in kinds):
            return same
        return closest(same, [c.canonical for kind in kinds for c in self.components(kind, near) if not c.is_family])

    def explain_absence(self, name: str, guess: bool) -> str | None:
        """Say of a missed name what is not installed, and which plug-in does not work that it may be of.

        Args:
            guess: whether to say which distributions its plug-in may have.
        """
        failed = [p for p in self.plugins if p.status in FAILED and self._failed(p.id)]
        if "/" in name:
            failed = [plugin for plugin in failed if plugin.id == name.split("/")[0]]
        reasons = [f"plug-in {p.id} is {p.condition}: {p.error}" for p in failed]
        if len(failed) > 1:
            ids = enumerate_words(sorted({plugin.id for plugin in failed}))
            reasons = [f"plug-ins that do not work may have it: {ids}"]
        notes = [self._explain_plugin(name, guess), self._suspect_missing() if guess else None, *reasons]
        return "; ".join(dict.fromkeys(filter(None, notes))) or None

    def _aliases(self, kind: str) -> dict[str, str]:
        table = self.file.table
        return {**table.resolve.get(kind, {}), **table.alias.get(kind, {})}

    def _expand(self, kind: str, name: str) -> str:
        return self._aliases(kind).get(name, name)

    def _offers(self, kind: str, name: str) -> list[Component]:
        """Return what a name means: one component, or several where nothing says which."""
        name = self._expand(kind, name)
        if "/" in name:
            found = self.named(kind, name)
            return [found] if found else []
        bearers = sorted(self._bearers.get((kind, name), []), key=lambda component: component.canonical)
        builtin = [component for component in bearers if component.plugin.id == BUILTIN]
        return builtin or bearers

    def _unknown(self, kind: str, name: str) -> UnknownComponent:
        failed = self._failed(name.split("/")[0])
        if failed is not None:
            return UnknownComponent(
                f'{kind} "{name}" is not to be had: plug-in {failed.id} is {failed.condition}', note=failed.error
            )
        meant = self.find_meant(name, kind)
        notes = [
            self._introduce(kind, meant) if meant else self._as_other_kind(name),
            self.explain_absence(name, guess=meant is None),
        ]
        if not any(notes):
            known = enumerate_words(self._shortest_names(kind)) or "none"
            notes = [f"known: {known}; or its plug-in is not installed or disabled: retinue plugins list"]
        return UnknownComponent(f'no {kind} named "{name}"', meant, "; ".join(filter(None, notes)))

    def _shortest_names(self, kind: str) -> list[str]:
        """Return a name for each component, bare where that means it, and the aliases."""
        components = self.components(kind)
        short = (c.name if self._offers(kind, c.name) == [c] else c.canonical for c in components)
        return sorted({*short, *self._aliases(kind)})

    def _is_of_absent_plugin(self, name: str) -> bool:
        return "/" in name and all(plugin.id != name.split("/")[0] for plugin in self.plugins)

    def _explain_plugin(self, name: str, guess: bool) -> str | None:
        """Say that the plug-in of a name is not installed, and which package brings it, or might."""
        plugin = name.split("/")[0]
        distribution = find_distribution(name)
        if distribution is not None and all(f"retinue-{known.id}" != distribution for known in self.plugins):
            remedy = f"pip install {distribution}"
            return f'no plug-in "{plugin}" is installed: {remedy}' if "/" in name else remedy
        if not self._is_of_absent_plugin(name):
            return None
        guessed = guess and not find_missing(self.file)
        remedy = f": pip install retinue-{plugin}, if that is its distribution" if guessed else ""
        return f'no plug-in "{plugin}" is installed{remedy}'

    def _suspect_missing(self) -> str | None:
        missing = ", ".join(find_missing(self.file))
        source = f"{self.file.path} requires and that is not installed ({missing})"
        return f"perhaps from a plug-in that {source}: retinue plugins sync" if missing else None

    def _failed(self, id: str) -> Plugin | None:
        """Return the plug-in of an id, if that is one that does not work."""
        bearers = [plugin for plugin in self.plugins if plugin.id == id]
        return None if any(plugin.status == "ok" for plugin in bearers) else next(iter(bearers), None)

    def _introduce(self, kind: str, name: str) -> str | None:
        offers = self._offers(kind, name)
        return f"({' or '.join(f'{c.canonical}, {c.plugin}' for c in offers)})" if offers else None

    def _as_other_kind(self, name: str) -> str | None:
        return next((f'"{name}" is a {kind}' for kind in KINDS if name in self.names(kind)), None)

    def _admit(self, plugin: Plugin) -> Plugin:
        if plugin.status != "ok":
            return plugin
        plugin, components = admit_plugin(plugin)
        for component in components:
            self._components[component.kind][component.canonical] = component
            if not component.is_family:
                self._bearers[component.kind, component.name].append(component)
        return plugin


def _find_unknown_components(registry: Registry) -> Iterator[Problem]:
    """Find pins and aliases that lead to what a working plug-in does not offer."""
    working = {plugin.id for plugin in registry.plugins if plugin.status == "ok"}
    for (section, kind, bare), canonical in registry.file.pointers():
        if canonical.split("/")[0] in working and registry.named(kind, canonical) is None:
            position = registry.file.locate(section, kind, bare)
            names = [component.canonical for component in registry.components(kind) if not component.is_family]
            yield Problem(f'no {kind} named "{canonical}"', position, closest(canonical, names))
