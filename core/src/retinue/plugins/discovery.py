"""Which plug-ins are installed: metadata alone, nothing is imported."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterator
from configparser import Error as MalformedMetadata
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Literal

import entrypoints
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from retinue.hooks import PROJECT

Status = Literal["ok", "disabled", "incompatible", "conflict", "broken"]


@dataclass(frozen=True)
class Plugin:
    """An installed plug-in.

    Attributes:
        id: the entry point's name, and the first half of its components' canonical names.
        module: its entry module, or for a local plug-in its file.
        distribution: what pip calls it; None for a local plug-in.
        status: conflict and broken may turn up only when the entry module is imported.
        error: why the status is not ok.
        details: the traceback of a broken one.
        imports_torch: whether its entry module does, which every command then waits for.
    """

    id: str
    module: str
    distribution: str | None = None
    version: str | None = None
    status: Status = "ok"
    error: str | None = None
    details: str | None = None
    imports_torch: bool = False

    @property
    def condition(self) -> str:
        """The status as a sentence ends in it."""
        return "in conflict" if self.status == "conflict" else self.status

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.distribution else f"local file {self.module}"


def find_plugins() -> list[Plugin]:
    """Return every installed plug-in by id, with those marked that this core is too old or too new for."""
    found = sorted(set(_entry_points()), key=lambda plugin: (plugin.id, plugin.distribution or ""))
    return [_judge_version(plugin) for plugin in found]


def find_unreadable() -> list[tuple[Path, str]]:
    """Return the metadata folders whose entry points cannot be read, with the reason: no plug-in is found there."""
    found = []
    for distribution in importlib.metadata.distributions():
        try:
            list(distribution.entry_points)
        except Exception as error:
            found.append((_metadata_folder(distribution), f"{type(error).__name__}: {error}"))
    return found


def find_hidden() -> list[tuple[Path, Path]]:
    """Return the metadata folders of plug-ins that another one of their distribution hides, with the one that does."""
    first: dict[str, Path] = {}
    hidden = []
    for distribution in importlib.metadata.distributions():
        if f"[{PROJECT}]" not in _read_entry_points(distribution):
            continue
        folder = _metadata_folder(distribution)
        seen = first.setdefault(_distribution_name(folder), folder)
        # A folder may stand on the module path twice.
        if seen.resolve() != folder.resolve():
            hidden.append((folder, seen))
    return hidden


def _read_entry_points(distribution: Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except ValueError:
        return ""


def _entry_points() -> list[Plugin]:
    try:
        with warnings.catch_warnings():
            # It would leave out a line that it cannot read, with no more than a warning.
            warnings.simplefilter("error", UserWarning)
            points = entrypoints.get_group_all(PROJECT)
    except (MalformedMetadata, UserWarning, OSError, ValueError):
        # A malformed entry_points.txt of any distribution stops entrypoints.
        return list(_read_one_by_one())
    return [_from_entry_point(point.name, point.module_name, point.distro) for point in points]


def _read_one_by_one() -> Iterator[Plugin]:
    """Yield the plug-ins of every distribution that the standard library can read."""
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name = _distribution_name(_metadata_folder(distribution))
        if name in seen:
            continue
        seen.add(name)
        try:
            points = distribution.entry_points.select(group=PROJECT)
        except Exception:
            # Whatever is in there, `plugins doctor` names it: see find_unreadable.
            continue
        for point in points:
            yield Plugin(point.name, point.value.split(":")[0].strip(), name, _read_version(name))


def _metadata_folder(distribution: Distribution) -> Path:
    # Where its METADATA is damaged, the folder alone tells which distribution it is; no public attribute has it.
    return Path(str(getattr(distribution, "_path", distribution.locate_file(""))))


def _distribution_name(folder: Path) -> str:
    return canonicalize_name(folder.name.split("-")[0].removesuffix(".egg"))


def _from_entry_point(id: str, module: str, distribution: entrypoints.Distribution) -> Plugin:
    name = canonicalize_name(distribution.name)
    # An egg-info beside its sources has no version in its name.
    return Plugin(id, module, name, distribution.version or _read_version(name))


def _read_version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except Exception:
        # _judge_version says what is wrong with the metadata.
        return None


def _judge_version(plugin: Plugin) -> Plugin:
    assert plugin.distribution is not None
    try:
        lines = importlib.metadata.requires(plugin.distribution) or []
    except Exception as error:
        # No METADATA, or bytes that are no text: the standard library raises what it comes across.
        reason = f"the METADATA of {plugin.distribution} cannot be read ({type(error).__name__}): install it again"
        return replace(plugin, status="broken", error=reason)
    wanted = _unmet_requirement(lines)
    if wanted is None:
        return plugin
    return replace(
        plugin,
        status="incompatible",
        error=f"{plugin} needs {wanted}, this is {PROJECT} {core_version()}",
    )


def _unmet_requirement(lines: list[str]) -> str | None:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) != PROJECT or (requirement.marker and not requirement.marker.evaluate()):
            continue
        if not requirement.specifier.contains(core_version(), prereleases=True):
            return f"{requirement.name}{requirement.specifier}"
    return None


@cache
def core_version() -> str:
    """Return the version of the installed core."""
    return importlib.metadata.version(PROJECT)
