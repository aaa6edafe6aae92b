"""Which plug-ins are installed: metadata alone, nothing is imported."""

from __future__ import annotations

import importlib.metadata
import warnings
from configparser import Error as MalformedMetadata
from dataclasses import dataclass, replace
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


def _entry_points() -> list[Plugin]:
    try:
        with warnings.catch_warnings():
            # It would leave out a line that it cannot read, with no more than a warning.
            warnings.simplefilter("error", UserWarning)
            points = entrypoints.get_group_all(PROJECT)
    except (MalformedMetadata, UserWarning, OSError):
        # A malformed entry_points.txt of any distribution stops entrypoints; the standard library steps over it.
        return [
            Plugin(
                point.name, point.value.split(":")[0].strip(), canonicalize_name(point.dist.name), point.dist.version
            )
            for point in importlib.metadata.entry_points(group=PROJECT)
            if point.dist is not None
        ]
    return [_from_entry_point(point.name, point.module_name, point.distro) for point in points]


def _from_entry_point(id: str, module: str, distribution: entrypoints.Distribution) -> Plugin:
    name = canonicalize_name(distribution.name)
    # An egg-info beside its sources has no version in its name.
    return Plugin(id, module, name, distribution.version or importlib.metadata.version(name))


def _judge_version(plugin: Plugin) -> Plugin:
    wanted = _unmet_requirement(plugin.distribution)
    if wanted is None:
        return plugin
    return replace(
        plugin,
        status="incompatible",
        error=f"{plugin} needs {wanted}, this is {PROJECT} {core_version()}",
    )


def _unmet_requirement(distribution: str | None) -> str | None:
    for line in importlib.metadata.requires(distribution) or [] if distribution else []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) != PROJECT or (requirement.marker and not requirement.marker.evaluate()):
            continue
        if not requirement.specifier.contains(core_version(), prereleases=True):
            return f"{requirement.name}{requirement.specifier}"
    return None


def core_version() -> str:
    """Return the version of the installed core."""
    return importlib.metadata.version(PROJECT)
