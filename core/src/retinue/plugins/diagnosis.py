"""What is wrong with the plug-ins of an environment and their registry file, and what mends it."""

from __future__ import annotations

import importlib.metadata
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from retinue.hooks import PROJECT
from retinue.plugins.components import is_installed
from retinue.plugins.discovery import Plugin, find_hidden, find_unreadable
from retinue.plugins.probe import SLOW, Report, probe_plugins
from retinue.plugins.registry import BUILTIN
from retinue.plugins.registry_file import RegistryFile
from retinue.plugins.selection import find_missing, find_unknown_names, judge_plugins


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        kind: in a word.
        message: what it is.
        fix: what mends it, in one line.
        harmless: it is good to know, and nothing fails for it.
    """

    kind: str
    message: str
    fix: str
    harmless: bool = False


def diagnose(file: RegistryFile) -> tuple[int, list[Trouble]]:
    """Return how many plug-ins there are, and everything that is wrong."""
    plugins = judge_plugins(file)
    reports = probe_plugins(plugins)
    troubles = [
        *_find_malformed(),
        *_find_hidden(),
        *(trouble for report in reports for trouble in _examine(report)),
        *(trouble for plugin in plugins for trouble in _find_unmet(plugin)),
        *_find_shared_names(reports, file),
        *_find_dead_pointers(plugins, reports, file),
        *_find_missing(file),
    ]
    return len(plugins), troubles


def _find_malformed() -> Iterator[Trouble]:
    for folder, reason in find_unreadable():
        name = folder.name.split("-")[0]
        fix = f"install {name} again, or delete {folder} if nothing else of it is left"
        yield Trouble("malformed", f"the entry points of {name} cannot be read: {' '.join(reason.split())}", fix)


def _find_hidden() -> Iterator[Trouble]:
    for folder, seen in find_hidden():
        name = folder.name.split("-")[0]
        message = f"{folder} is hidden by {seen}, which stands before it on the module path"
        yield Trouble("hidden", message, f"delete the one of them that is out of date, or install {name} again")


def _examine(report: Report) -> Iterator[Trouble]:
    plugin = report.plugin
    label = f"{plugin.id} ({plugin})"
    if plugin.status not in ("ok", "disabled"):
        yield Trouble(plugin.status, f"{label}: {plugin.error}", _mend(plugin))
    elif plugin.imports_torch and plugin.distribution:
        fix = f'register targets as texts, "package.module:attribute", and import no torch in {plugin.module}'
        yield Trouble("torch", f"{label} imports torch, which every command then waits for", fix)
    elif report.seconds >= SLOW and not plugin.imports_torch:
        message = f"{label} takes {report.seconds:.1f} s to import; every command waits for it, {SLOW} s are much"
        yield Trouble("slow", message, f"python -X importtime -c 'import {plugin.module}' shows what takes so long")


def _mend(plugin: Plugin) -> str:
    name = plugin.distribution or plugin.id
    if plugin.status == "incompatible":
        return f"retinue plugins install a version of {name} that fits, or uninstall {name}"
    if plugin.status == "conflict":
        return f'retinue plugins uninstall {name}, or disabled = ["{name}"] under [plugins]'
    if plugin.distribution is None and not Path(plugin.module).is_file():
        return f"mend `path` of {plugin.id} under [local] in registry.toml, or take the line out"
    absent = re.match(r"ModuleNotFoundError: No module named '([\w.]+)'", plugin.error or "")
    if absent:
        return f"install what brings the module {absent[1]}, or uninstall {name}"
    return f'retinue plugins show {plugin.id} has the traceback; without it: disabled = ["{plugin.id}"] under [plugins]'


def _find_unmet(plugin: Plugin) -> Iterator[Trouble]:
    """Find requirements of a plug-in's distribution that an installation without dependencies left out."""
    if plugin.distribution in (None, PROJECT) or plugin.status == "disabled":
        return
    for requirement in _read_requirements(str(plugin.distribution)):
        if canonicalize_name(requirement.name) != PROJECT and not is_installed(str(requirement)):
            wanted = f"{requirement.name}{requirement.specifier}"
            yield Trouble("requirement", f"{plugin} needs {wanted}, which is not installed", f'pip install "{wanted}"')


def _read_requirements(distribution: str) -> Iterator[Requirement]:
    try:
        lines = importlib.metadata.requires(distribution) or []
    except Exception:
        # Judged from its metadata to be broken.
        return
    for line in lines:
        with suppress(InvalidRequirement):
            yield Requirement(line)


def _find_shared_names(reports: list[Report], file: RegistryFile) -> Iterator[Trouble]:
    """Find bare names that several plug-ins have and no pin decides about."""
    bearers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for report in reports:
        for offer in report.offers:
            if offer.name != "*":
                bearers[offer.kind, offer.name].append(report.plugin.id)
    hidden: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (kind, name), ids in bearers.items():
        if name in file.table.resolve.get(kind, {}) or name in file.table.alias.get(kind, {}):
            continue
        if BUILTIN in ids:
            for id in set(ids) - {BUILTIN}:
                hidden[id, kind].append(name)
        elif len(ids) > 1:
            names = ", ".join(f"{id}/{name}" for id in ids)
            pin = f'in registry.toml, [resolve.{kind}] {name} = "{ids[0]}/{name}" or another of them'
            yield Trouble("ambiguous", f"the bare {kind} name {name} means none of {names}", pin)
    for (id, kind), shared in hidden.items():
        message = f"{id} has {kind} names that mean the builtin's where they stand alone: {', '.join(sorted(shared))}"
        yield Trouble("shadowed", message, f"write {id}/{shared[0]}, or pin it under [resolve.{kind}]", harmless=True)


def _find_dead_pointers(plugins: list[Plugin], reports: list[Report], file: RegistryFile) -> Iterator[Trouble]:
    for problem in find_unknown_names(plugins, file):
        place = f"{problem.position}: " if problem.position else ""
        yield Trouble("dead", f"{place}{problem.message}", problem.note or _say(problem.suggestion))
    offers = {report.plugin.id: report.offers for report in reports}
    known = {(offer.kind, f"{id}/{offer.name}") for id, found in offers.items() for offer in found}
    for (section, kind, bare), canonical in file.pointers():
        id = canonical.split("/")[0]
        if id not in offers or {(kind, canonical), (kind, f"{id}/*")} & known:
            continue
        state = next(report.plugin for report in reports if report.plugin.id == id)
        reason = f"has no such {kind}" if state.status == "ok" else f"is {state.condition}"
        message = f'{file.locate(section, kind, bare)}: {bare} leads to "{canonical}", and {id} {reason}'
        yield Trouble("dead", message, "take the line out, or name another component")


def _say(suggestion: str | None) -> str:
    return f'take it out, or did you mean "{suggestion}"?' if suggestion else "take it out"


def _find_missing(file: RegistryFile) -> Iterator[Trouble]:
    for line in find_missing(file):
        yield Trouble("missing", f"{file.path} requires {line}, which is not installed", "retinue plugins sync")
